"""Read the files of an export back and hold them against what programs want."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vstc.errors import InputError, unknown_name
from vstc.formats.images import image_size
from vstc.trimaps.checks.consumers import (
    CONSUMERS,
    Consumer,
    ImageFacts,
    complaints,
    mask_complaints,
)
from vstc.trimaps.checks.reading import read_as_it_is
from vstc.trimaps.export import ExportPlan, read_record
from vstc.trimaps.in_order import map_in_order
from vstc.trimaps.layout import first_mask_file, merged_file, tracks_file, trimap_file
from vstc.trimaps.settings import Absent


@dataclass(frozen=True)
class _File:
    """A file to be read, and what it should be.

    Attributes:
        path: Where it is.
        size: Height and width.
        image: Of the frame; None when unknown.
        is_first: It is the first frame of its object.
        is_absent: The object is not there: all must be background.
        is_mask: It is the mask of a first frame.
    """

    path: Path
    size: tuple[int, int]
    image: Path | None
    is_first: bool = False
    is_absent: bool = False
    is_mask: bool = False


@dataclass
class ConsumerResult:
    """What was found for one program.

    Attributes:
        name: The program.
        files: How many files it would read.
        failed: In how many something is wrong.
        first: The first of these and what is wrong with it; None when all is well.
    """

    name: str
    files: int = 0
    failed: int = 0
    first: str | None = None

    def add(self, path: str, found: Sequence[str]) -> None:
        """Count a file."""
        self.files += 1
        if found:
            self.failed += 1
            self.first = self.first or f"{path}: {'; '.join(found)}"


@dataclass
class Verification:
    """What was found.

    Attributes:
        consumers: By program.
        absent: Files of frames without the object; no program is asked about them.
    """

    consumers: list[ConsumerResult] = field(default_factory=list)
    absent: int = 0

    @property
    def failed(self) -> list[ConsumerResult]:
        """The programs that would not be served."""
        return [result for result in self.consumers if result.failed]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        rows = [vars(result) for result in self.consumers]
        return {"consumers": rows, "absent": self.absent}


def choose_consumers(names: str | None) -> dict[str, Consumer]:
    """Choose programs by their names.

    Args:
        names: Comma separated; None is all.

    Raises:
        ConfigError: A name that is not known.
    """
    if names is None:
        return dict(CONSUMERS)
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in CONSUMERS:
            raise unknown_name("consumer", name, CONSUMERS)
    return {name: CONSUMERS[name] for name in wanted}


def verify_export(
    plan: ExportPlan,
    folder: Path,
    consumers: dict[str, Consumer],
    *,
    workers: int | None = None,
    on_files: Callable[[int], None] = lambda _count: None,
) -> Verification:
    """Read every file of an export back and ask each program about it.

    Files of frames without the object must be all background; programs are to leave them out, as
    the record of the clip says which they are.

    Args:
        plan: What was exported.
        folder: The artifact.
        consumers: The programs by name.
        workers: Threads; None is one per core.
        on_files: Told how many more files were read.
    """
    workers = workers or os.cpu_count() or 1
    done = Verification([ConsumerResult(name) for name in consumers])
    with ThreadPoolExecutor(workers) as pool:
        for clip in plan.clips:
            record = read_record(folder / tracks_file(clip.id))
            files = _files(record, folder, plan)
            for file, facts in map_in_order(pool, _look, files, ahead=4 * workers):
                _judge(done, file, facts, folder, consumers)
                on_files(1)
    for result in done.consumers:
        if not result.files:
            result.failed, result.first = 1, "nothing was written that it could read"
    return done


def _look(file: _File) -> tuple[_File, ImageFacts | str]:
    try:
        image = read_as_it_is(file.path)
    except InputError as error:
        return file, error.message
    histogram = np.bincount(image.grey.reshape(-1), minlength=256)
    return file, ImageFacts((image.grey.shape[0], image.grey.shape[1]), image.mode, histogram)


def _judge(
    done: Verification,
    file: _File,
    facts: ImageFacts | str,
    folder: Path,
    consumers: dict[str, Consumer],
) -> None:
    wrong = [facts] if isinstance(facts, str) else _wrong_size(file, facts)
    if file.is_absent:
        done.absent += 1
        if not isinstance(facts, str) and facts.values != [0]:
            wrong.append("the object is absent, but not all is background")
    for result, consumer in zip(done.consumers, consumers.values(), strict=True):
        if not _is_read_by(consumer, file) or (file.is_absent and not wrong):
            continue
        found = list(wrong)
        if not isinstance(facts, str) and not file.is_absent:
            found += mask_complaints(facts) if file.is_mask else complaints(consumer, facts)
        result.add(file.path.relative_to(folder).as_posix(), found)


def _is_read_by(consumer: Consumer, file: _File) -> bool:
    if consumer.mask or file.is_mask:
        return consumer.mask and file.is_mask
    return file.is_first or not consumer.first_frame


def _wrong_size(file: _File, facts: ImageFacts) -> list[str]:
    size = file.size if file.image is None else image_size(file.image)
    if facts.size == size:
        return []
    shown = f"{facts.size[1]}x{facts.size[0]}"
    return [f"it is {shown}, the frame is {size[1]}x{size[0]}"]


def _files(record: dict[str, Any], folder: Path, plan: ExportPlan) -> Iterator[_File]:
    clip_id, size = record["id"], (record["height"], record["width"])
    images = _Images(plan, clip_id)
    for track in record["tracks"]:
        absent = _Frames(track["absent"]["ranges"])
        number, first = track["track"], track["first_index"]
        if plan.settings.first_masks:
            path = folder / first_mask_file(clip_id, number)
            yield _File(path, size, images.of(first), is_mask=True)
        for index, name in enumerate(record["frames"]):
            is_absent = index in absent
            if is_absent and plan.settings.absent is Absent.SKIP:
                continue
            path = folder / trimap_file(clip_id, number, name)
            image = images.of(index)
            yield _File(path, size, image, is_first=index == first, is_absent=is_absent)
    if record["merged"]:
        yield from _merged_files(record, folder, images)


def _merged_files(record: dict[str, Any], folder: Path, images: _Images) -> Iterator[_File]:
    size = (record["height"], record["width"])
    first = min((track["first_index"] for track in record["tracks"]), default=None)
    absent = [_Frames(track["absent"]["ranges"]) for track in record["tracks"]]
    for index, name in enumerate(record["frames"]):
        is_absent = all(index in indices for indices in absent)
        path = folder / merged_file(record["id"], name)
        image = images.of(index)
        yield _File(path, size, image, is_first=index == first, is_absent=is_absent)


class _Images:
    """Finds the images of the frames of a clip."""

    def __init__(self, plan: ExportPlan, clip_id: str) -> None:
        self._source = plan.source
        self._clip = next(clip for clip in plan.clips if clip.id == clip_id)

    def of(self, index: int) -> Path | None:
        path = self._source.frame_image(self._clip, index)
        return path if path is not None and path.is_file() else None


class _Frames:
    """Tells whether a frame is in one of some ranges with both ends included."""

    def __init__(self, ranges: Sequence[Sequence[int]]) -> None:
        self._ranges = ranges

    def __contains__(self, index: int) -> bool:
        return any(low <= index <= high for low, high in self._ranges)
