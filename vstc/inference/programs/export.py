"""Export what the user names: a network of ours, or a description into a program of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.errors import ConfigError, InputError, OutputError
from vstc.inference.checkpoint import checkpoint_ref, load_network
from vstc.inference.network_identity import fingerprint_weights
from vstc.inference.programs.archive import SUFFIX, is_program, read_archive
from vstc.inference.programs.describing import describe_foreign, write_described
from vstc.inference.programs.description import ProgramDescription, ProgramSource
from vstc.inference.programs.reading import describe
from vstc.inference.programs.settings import ExportSettings
from vstc.inference.programs.summary import summarize
from vstc.inference.programs.writing import describe_trained, write_program
from vstc.options import ExistingOutput


@dataclass(frozen=True)
class Exported:
    """What became of an export.

    Attributes:
        path: The file.
        is_written: It was written now; else it was there, or nothing was to be written.
        facts: What the file is, and how it compares with the network.
    """

    path: Path
    is_written: bool
    facts: dict[str, Any]


def export(
    network: Path,
    output: Path | None,
    settings: ExportSettings,
    *,
    existing: ExistingOutput,
    is_dry_run: bool,
) -> Exported:
    """Write a network as an exported program.

    Args:
        network: Run folder, checkpoint, or a program to be described.
        output: The file to write; None writes beside the network.
        settings: What is exported.
        existing: What to do with a file that is there.
        is_dry_run: Check everything, write nothing.

    Raises:
        CheckFailed: The program differs from the network.
        ConfigError: A setting that does not apply.
        InputError: The network cannot be read or exported.
        OutputError: The file is there, or cannot be written.
    """
    path = _output_path(network, output)
    if is_program(network):
        description = describe_foreign(network, settings)
        state = _look_at(path, description, settings, existing, keeps_sizes=True)
        if state is not None or is_dry_run:
            return Exported(path, False, state or description.as_json())
        write_described(network, path, description)
        return Exported(path, True, summarize(path))
    if settings.of_others():
        given = ", ".join(settings.of_others())
        raise ConfigError(
            f"{given}: for a program that was exported by others; {network} knows its own",
            hint="leave it out",
        )
    reference = checkpoint_ref(network)
    trained = load_network(network, which=settings.checkpoint)
    source = ProgramSource(
        id=reference.id,
        model=trained.model.name,
        step=trained.step,
        weights=fingerprint_weights(trained.model.state_dict()),
    )
    description = describe_trained(trained, source)
    state = _look_at(path, description, settings, existing, keeps_sizes=False)
    if state is not None or is_dry_run:
        return Exported(path, False, state or description.as_json())
    report = write_program(trained.model, path, description, size=settings.size)
    return Exported(path, True, summarize(path) | {"check": report.as_json()})


def _output_path(network: Path, output: Path | None) -> Path:
    path = output
    if path is None:
        path = network.with_suffix(SUFFIX) if network.is_file() else Path(f"{network}{SUFFIX}")
    if path.suffix.lower() != SUFFIX:
        raise ConfigError(f"{path} does not end in {SUFFIX}", hint=f"-o {path}{SUFFIX}")
    if path.is_dir():
        raise OutputError(f"{path} is a folder")
    if path.exists() and network.exists() and path.samefile(network):
        raise OutputError(f"{path} would overwrite what is read", hint="give another name with -o")
    return path


def _look_at(
    path: Path,
    description: ProgramDescription,
    settings: ExportSettings,
    existing: ExistingOutput,
    *,
    keeps_sizes: bool,
) -> dict[str, Any] | None:
    """Return the facts of a file that is there and is the one wanted; None to write it."""
    if not path.exists() or existing is ExistingOutput.OVERWRITE:
        return None
    if existing is ExistingOutput.REFUSE:
        raise OutputError(f"{path} exists", hint="--overwrite writes it anew")
    try:
        facts = summarize(path)
        is_same = describe(read_archive(path)) == description
    except InputError:
        return None
    wanted = ["any", "any"] if settings.size is None else [str(side) for side in settings.size]
    if is_same and (keeps_sizes or [facts["height"], facts["width"]] == wanted):
        return facts
    raise OutputError(
        f"{path} is of another network or of other settings", hint="--overwrite writes it anew"
    )
