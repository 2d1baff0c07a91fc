"""Say in a program of others what its classes and pixels are: a copy with a description in it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from vstc.artifacts.atomic import atomic_path
from vstc.artifacts.fingerprint import file_sha256
from vstc.data.index.classes import read_class_table
from vstc.errors import ConfigError, InputError
from vstc.inference.checkpoint import ClassTable
from vstc.inference.programs.archive import DESCRIPTION, ProgramArchive, read_archive
from vstc.inference.programs.description import Pixels, ProgramDescription, ProgramSource
from vstc.inference.programs.model import ProgramModel
from vstc.inference.programs.reading import describe, load_program
from vstc.inference.programs.settings import ExportSettings


def describe_foreign(path: Path, settings: ExportSettings) -> ProgramDescription:
    """Make a description of a program: what it says itself, then what the settings say.

    Args:
        path: The program.
        settings: Its classes and pixels; None keeps what is known.

    Raises:
        ConfigError: Nothing is said, or something that a program cannot be given.
        InputError: The program cannot be used, or has another number of classes.
    """
    given = settings.of_others()
    if settings.size is not None or not given:
        raise ConfigError(
            f"{path} is exported already"
            + (f", for its own sizes: {settings.size}" if settings.size else ""),
            hint="--classes FILE, --set mean=..., std, order, input_scale or align_corners "
            "describe it",
        )
    archive = read_archive(path)
    known = describe(archive)
    if known is None:
        table = load_program(path).table
        source = ProgramSource(id=file_sha256(path)[:16], model="program")
        known = ProgramDescription(
            classes=table.classes, ignore_index=table.ignore_index, source=source
        )
    changes: dict[str, Any] = {
        key: given[key] for key in ("input_scale", "align_corners") if key in given
    }
    pixels: dict[str, Any] = {key: given[key] for key in ("order", "mean", "std") if key in given}
    if settings.classes is not None:
        table = _read_table(Path(settings.classes))
        changes |= {"classes": table.classes, "ignore_index": table.ignore_index}
    if pixels:
        changes["pixels"] = Pixels(**{**known.pixels.model_dump(), **pixels})
    described = known.model_copy(update=changes)
    _check(archive, described)
    return described


def write_described(source: Path, path: Path, description: ProgramDescription) -> None:
    """Copy a program, with a description.

    Args:
        source: The program.
        path: The file to write.
        description: What the copy says of itself.

    Raises:
        InputError: The program is not one.
        OutputError: The disk is full or the folder cannot be written.
    """
    read_archive(source)
    text = json.dumps(description.as_json(), indent=2, sort_keys=True)
    with zipfile.ZipFile(source) as old, atomic_path(path) as partial:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as new:
            root = old.infolist()[0].filename.partition("/")[0]
            for entry in old.infolist():
                if entry.filename != f"{root}/{DESCRIPTION}":
                    new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))
            new.writestr(zipfile.ZipInfo(f"{root}/{DESCRIPTION}"), text)
        read_archive(partial)


def _read_table(path: Path) -> ClassTable:
    table = read_class_table(path)
    counted = [entry for entry in table.classes if not entry.ignore]
    return ClassTable(counted, table.ignore_index)


def _check(archive: ProgramArchive, described: ProgramDescription) -> None:
    model = ProgramModel(archive, pixels=described.pixels)
    if len(described.classes) != model.num_classes:
        raise InputError(
            f"{archive.path} has {model.num_classes} classes, the table {len(described.classes)}",
            hint="the classes without void, in the order of the program's channels",
        )
