"""What an index is made from: files found by name first, looked into only when needed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import InputRef
from vstc.data.index.classes import ClassTable
from vstc.errors import InputError
from vstc.formats.dataset import Clip, DatasetRecord, relative_root
from vstc.formats.label_encoding import LabelEncoding

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Indexed:
    """A data set that was looked into.

    Attributes:
        table: Classes and void.
        clips: All clips; paths are relative to the root of the source.
        remarks: What a person should know, such as labels without an image; one sentence each.
        label_encoding: What the values of the label files mean.
    """

    table: ClassTable
    clips: list[Clip]
    remarks: list[str] = field(default_factory=list)
    label_encoding: LabelEncoding = LabelEncoding.IDS


@dataclass(frozen=True)
class Source:
    """Raw files that make a data set, found by their names alone.

    Attributes:
        name: Name of the data set.
        place: Path as the user gave it.
        root: Folder that all paths are relative to.
        files: Relative paths of all files that belong to it.
        units: How much ``build`` has to do.
        unit: Name of that unit, in the plural.
        build: Looks into the files; takes a progress function.
    """

    name: str
    place: str
    root: Path
    files: Sequence[str]
    units: int
    unit: str
    build: Callable[[Advance], Indexed]

    def as_input(self) -> InputRef:
        """Refer to the raw files by their names and sizes."""
        identity = fingerprint_files(self.root, self.files)
        return InputRef(role="source", path=self.place, kind="raw", id=identity)

    def record(self, indexed: Indexed, output: Path) -> DatasetRecord:
        """Make the content of a ``dataset.json`` that will lie in ``output``."""
        return DatasetRecord(
            name=self.name,
            root=relative_root(self.root, output),
            classes=list(indexed.table.classes),
            ignore_index=indexed.table.ignore_index,
            label_encoding=indexed.label_encoding,
            clips=indexed.clips,
        )


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Order texts as people do: ``f9`` before ``f10``."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts if part]


def common_root(places: Iterable[Path]) -> Path:
    """Return the deepest folder that holds all places (absolute folders)."""
    return Path(os.path.commonpath([str(place) for place in places]))


def refuse_missing(root: Path, files: Iterable[str], *, named_by: str) -> None:
    """Refuse a list that names files which are not there.

    Raises:
        InputError: Some file is missing; says how many and which is the first.
    """
    missing = [name for name in files if not (root / name).is_file()]
    if missing:
        raise InputError(
            f"{named_by} names {len(missing)} file(s) that are missing, first: {root / missing[0]}",
            hint="complete the data set, or correct the list",
        )


def refuse_twice(names: Iterable[str], *, where: str) -> None:
    """Refuse names that stand twice where each must be unique.

    Raises:
        InputError: A name stands twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{where} has {name} twice", hint="rename or remove one of them")
        seen.add(name)
