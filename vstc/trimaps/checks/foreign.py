"""Check trimaps of other programs, and write them out as they should be."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import InputRef
from vstc.data.index.source import natural_key
from vstc.errors import InputError
from vstc.formats.images import IMAGE_SUFFIXES
from vstc.trimaps.checks.consumers import CONSUMERS, Histogram, ImageFacts, complaints
from vstc.trimaps.checks.reading import ForeignImage, read_as_it_is
from vstc.trimaps.in_order import map_in_order
from vstc.trimaps.layout import FIRST_MASKS, encode_flat
from vstc.trimaps.values import FOREIGN_TRIMAPS, TRIMAP_VALUES, UNKNOWN, Trimap

_SHOWN_VALUES = 5
_REGIONS = ("background", "unknown", "foreground")


@dataclass(frozen=True)
class FileReport:
    """What is wrong with a file.

    Attributes:
        file: Its path below the folder.
        size: Height and width; None when it is not readable.
        repairable: Faults that writing it out anew repairs.
        lasting: Faults that stay.
        is_absent: All is background: the object is not there.
        misread_by: Programs that would misread it as it is, or stop.
    """

    file: str
    size: tuple[int, int] | None
    repairable: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()
    is_absent: bool = False
    misread_by: tuple[str, ...] = ()

    @property
    def has_faults(self) -> bool:
        """Tell whether anything is wrong."""
        return bool(self.repairable or self.lasting)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        faults = {"repairable": list(self.repairable), "lasting": list(self.lasting)}
        return {"file": self.file, **faults, "misread_by": list(self.misread_by)}


@dataclass
class FolderReport:
    """What is wrong with the trimaps of a folder.

    Attributes:
        files: How many there are.
        absent: How many are all background.
        written: How many were written out.
        faulty: Those with faults.
        misread: How many files each program would misread or stop at, as they are.
    """

    files: int = 0
    absent: int = 0
    written: int = 0
    faulty: list[FileReport] = field(default_factory=list)
    misread: Counter[str] = field(default_factory=Counter)

    def add_fault(self, file: str, lasting: str) -> None:
        """Add a fault that was found when all files were read."""
        for place, report in enumerate(self.faulty):
            if report.file == file:
                self.faulty[place] = replace(report, lasting=(*report.lasting, lasting))
                return
        self.faulty.append(FileReport(file, None, lasting=(lasting,)))

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "files": self.files,
            "absent": self.absent,
            "written": self.written,
            "faults": [report.as_json() for report in self.faulty],
            "misread": {name: self.misread[name] for name in CONSUMERS},
        }


class TrimapFiles:
    """The image files at or below a place, in natural order.

    Args:
        place: A folder, or one file.

    Raises:
        InputError: Nothing there, or two files that would be repaired into one.
    """

    def __init__(self, place: Path) -> None:
        self.root = place if place.is_dir() else place.parent
        found = sorted(_images(place), key=lambda path: natural_key(str(path)))
        self.names = [path.relative_to(self.root).as_posix() for path in found]
        if not self.names:
            known = " ".join(sorted(IMAGE_SUFFIXES))
            raise InputError(f"no image in {place}", hint=f"known: {known}")
        stems = Counter(str(Path(name).with_suffix("")) for name in self.names)
        twice = [stem for stem, count in stems.items() if count > 1]
        if twice:
            raise InputError(
                f"{self.root / twice[0]} stands twice with different suffixes",
                hint="remove one of them",
            )

    def reference(self) -> InputRef:
        """Refer to all files by their names and sizes."""
        identity = fingerprint_files(self.root, self.names)
        return InputRef(role="trimaps", path=str(self.root), kind="raw", id=identity)


def check_trimaps(
    files: TrimapFiles,
    *,
    output: Path | None = None,
    workers: int | None = None,
    on_files: Callable[[int], None] = lambda _count: None,
) -> FolderReport:
    """Read all files and say what is wrong with each.

    Args:
        files: The files.
        output: Where repaired files go, as ``<same path>.png``; None writes none. Every file that
            can be read goes there, faulty or not, but one whose values say nothing.
        workers: Threads; None is one per core.
        on_files: Told how many more files were read.
    """
    workers = workers or os.cpu_count() or 1
    report = FolderReport()
    sizes: dict[str, tuple[int, int]] = {}
    with ThreadPoolExecutor(workers) as pool:
        work = partial(_check_file, files.root, output=output)
        for one, is_written in map_in_order(pool, work, files.names, ahead=4 * workers):
            if one.size is not None:
                sizes[one.file] = one.size
            report.files += 1
            report.absent += one.is_absent
            report.written += is_written
            report.misread.update(one.misread_by)
            if one.has_faults:
                report.faulty.append(one)
            on_files(1)
    for name, fault in _odd_sizes(sizes).items():
        report.add_fault(name, fault)
    return report


def repair(image: ForeignImage) -> Trimap:
    """Give each pixel the nearest meaning: background up to 25, foreground from 230 on."""
    trimap = FOREIGN_TRIMAPS.snap(image.grey)
    trimap[(trimap != 0) & (trimap != 255)] = UNKNOWN
    return trimap


def faults_of(image: ForeignImage) -> tuple[list[str], list[str]]:
    """Say what is wrong with an image as a trimap: what a repair removes, and what stays."""
    repairable = [] if image.mode == "L" else [f"mode {image.mode}, not one channel of 8 bits"]
    repairable += image.remarks
    histogram = np.bincount(image.grey.reshape(-1), minlength=256)
    other = [value for value in np.flatnonzero(histogram).tolist() if value not in TRIMAP_VALUES]
    if says_nothing(histogram):
        return repairable, [f"no value above {max(other)}: ids of classes, not a trimap"]
    if other:
        shown = ", ".join(map(str, other[:_SHOWN_VALUES]))
        shown += ", ..." if len(other) > _SHOWN_VALUES else ""
        share = 100 * float(histogram[other].sum()) / image.grey.size
        repairable.append(f"{len(other)} value(s) besides 0, 128, 255: {shown} ({share:.2f} %)")
    pixels = np.bincount(repair(image).reshape(-1), minlength=256)[list(TRIMAP_VALUES)]
    if pixels[1:].sum() == 0:
        return repairable, []  # all background: the object is absent
    lacking = [f"no {name}" for name, count in zip(_REGIONS, pixels, strict=True) if not count]
    return repairable, lacking


def says_nothing(histogram: Histogram) -> bool:
    """Tell whether a file has values, but all so low that they would be background."""
    top = int(np.flatnonzero(histogram)[-1])
    return 0 < top <= FOREIGN_TRIMAPS.background_to


def _check_file(root: Path, name: str, *, output: Path | None) -> tuple[FileReport, bool]:
    try:
        image = read_as_it_is(root / name)
    except InputError as error:
        return FileReport(name, None, lasting=(error.message,)), False
    repairable, lasting = faults_of(image)
    histogram = np.bincount(image.grey.reshape(-1), minlength=256)
    size = (image.grey.shape[0], image.grey.shape[1])
    facts = ImageFacts(size, image.mode, histogram)
    is_absent = not repair(image).any() and not lasting
    misread = [] if is_absent else [n for n, c in CONSUMERS.items() if _is_misread(n, facts)]
    is_written = output is not None and not says_nothing(histogram)
    if output is not None and is_written:
        path = (output / name).with_suffix(".png")
        atomic_write_bytes(path, encode_flat(repair(image)))
    report = FileReport(
        name, size, tuple(repairable), tuple(lasting), is_absent, misread_by=tuple(misread)
    )
    return report, is_written


def _is_misread(name: str, facts: ImageFacts) -> bool:
    consumer = CONSUMERS[name]
    return not consumer.mask and bool(complaints(consumer, facts))


def _odd_sizes(sizes: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Find files whose size is not that of most others in their folder; a set of stills has none.

    Returns:
        What is wrong, by file.
    """
    folders: dict[str, Counter[tuple[int, int]]] = {}
    for name, size in sizes.items():
        folders.setdefault(str(Path(name).parent), Counter())[size] += 1
    odd = {}
    for name, size in sizes.items():
        counts = folders[str(Path(name).parent)]
        usual, count = counts.most_common(1)[0]
        if size != usual and count > counts.total() / 2:
            shown = f"{size[1]}x{size[0]}, most others of its folder {usual[1]}x{usual[0]}"
            odd[name] = f"it is {shown}"
    return odd


def _images(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, inner, names in os.walk(place, followlinks=True):
        inner[:] = [n for n in inner if not n.startswith(".") and n != FIRST_MASKS]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(folder) / name
