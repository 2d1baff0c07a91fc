"""``vstc export``: a trained network as one file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options
from vstc.commands.network import Checkpoint


def command(
    network: Annotated[
        Path, typer.Argument(help="Run folder or checkpoint; or a .pt2 file to be described.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; default: NETWORK with .pt2."),
    ] = None,
    checkpoint: Checkpoint = None,
    size: Annotated[
        str | None,
        typer.Option("--size", help="HEIGHTxWIDTH, the only size it will take; default: any."),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option("--classes", help="JSON file with the class table, for a .pt2 of others."),
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Export a network as one file: RGB images of bytes in, class scores of their size out.

    Reads a run, a checkpoint, or a .pt2 file of others to write its classes into a copy; writes
    one .pt2 file, checked against the network. vstc predict and vstc propagate run such files.

    $ vstc export runs/student -o student.pt2
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.commands.training import parse_crop
    from vstc.inference.programs.export import export
    from vstc.inference.programs.settings import ExportSettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = configuration.resolve(
        ExportSettings,
        config_file=config,
        sets=sets,
        flags={
            "checkpoint": checkpoint,
            "size": parse_crop(size, option="--size"),
            "classes": None if classes is None else str(classes),
        },
    )
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    done = export(network, output, settings, existing=existing, is_dry_run=dry_run)
    told = done.facts | {"output": str(done.path), "written": done.is_written}
    console.result(told, as_json=as_json, render=lambda: program_table(told))


def program_table(facts: dict[str, Any]) -> Any:
    """Show the facts of a program."""
    from rich.table import Table

    table = Table("what", "value")
    for key, value in facts.items():
        if isinstance(value, dict):
            for name, inner in value.items():
                table.add_row(f"{key}.{name}", str(inner))
        elif key == "classes":
            names = [entry["name"] if isinstance(entry, dict) else entry for entry in value]
            table.add_row(key, f"{len(names)}: {', '.join(names)}")
        else:
            table.add_row(key, str(value))
    return table
