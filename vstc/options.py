"""Options that commands share: one name, one meaning, one help text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_OUT, _CONF, _RUN, _SAY = "Output", "Configuration", "Execution", "Messages"

Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder to write.", rich_help_panel=_OUT)
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Keep finished work and go on.", rich_help_panel=_OUT),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Delete the old output and start anew.", rich_help_panel=_OUT),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Check everything, write nothing.", rich_help_panel=_OUT),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help="TOML file or an old manifest.json to replay.", rich_help_panel=_CONF
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value; may be repeated.", rich_help_panel=_CONF),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Seed of all random choices.", rich_help_panel=_CONF),
]
Device = Annotated[
    str,
    typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_RUN),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Worker threads; default: the cores.", rich_help_panel=_RUN
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic", help="Only deterministic kernels, even if slow.", rich_help_panel=_RUN
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit", min=1, help="Use the first N units only, to try things.", rich_help_panel=_RUN
    ),
]
Split = Annotated[
    str | None,
    typer.Option("--split", help="Splits to use, comma separated; default: all."),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=_SAY),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Only the result and errors.", rich_help_panel=_SAY),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="More messages and tracebacks.", rich_help_panel=_SAY),
]


class ExistingOutput(StrEnum):
    """What to do with an output folder that is there already."""

    REFUSE = "refuse"
    RESUME = "resume"
    OVERWRITE = "overwrite"


def existing_output(*, resume: bool, overwrite: bool) -> ExistingOutput:
    """Turn the two flags into one choice.

    Raises:
        ConfigError: Both flags were given.
    """
    from vstc.errors import ConfigError

    if resume and overwrite:
        raise ConfigError("--resume and --overwrite exclude each other", hint="give one of them")
    if resume:
        return ExistingOutput.RESUME
    return ExistingOutput.OVERWRITE if overwrite else ExistingOutput.REFUSE
