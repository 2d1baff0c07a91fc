"""Check a data set: read every file once and list what would hurt later."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.data.check_frames import Reading, Unit, read_unit, read_video_units, unit_of
from vstc.data.check_time import time_faults
from vstc.formats.dataset import Clip, Dataset, VideoFrame

Advance = Callable[[int], None]
Place = tuple[int, int]


@dataclass(frozen=True)
class Fault:
    """Something wrong; ``frame`` is empty when it concerns the clip."""

    clip: str
    frame: str
    message: str


@dataclass(frozen=True)
class ClassShare:
    """How much of the label pixels one class has; None where there are no labels."""

    id: int
    name: str
    percent: float | None


@dataclass(frozen=True)
class SplitFigures:
    """What a split holds.

    Attributes:
        sizes: Frames by size, the key being ``WIDTHxHEIGHT``.
        classes: Pixel shares; void counts, so they add up to 100 unless ids are strange.
    """

    split: str
    clips: int
    frames: int
    labelled: int
    sizes: dict[str, int]
    classes: list[ClassShare]


@dataclass(frozen=True)
class CheckReport:
    """The result of a check; without faults the data set can be used.

    Attributes:
        remarks: What is worth knowing but no fault.
    """

    dataset: str
    frames_read: int
    splits: list[SplitFigures]
    faults: list[Fault]
    remarks: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def count_units(dataset: Dataset, clips: Sequence[Clip]) -> int:
    """Count the distinct frames that a check of these clips reads."""
    return len(_places_by_unit(dataset, clips))


def check_dataset(
    dataset: Dataset,
    clips: Sequence[Clip],
    *,
    workers: int | None = None,
    advance: Advance = lambda _count: None,
) -> CheckReport:
    """Read all frames and labels of some clips, each file once, and judge them.

    Args:
        dataset: The data set.
        clips: Clips to check.
        workers: Threads; default: the cores.
        advance: Called with the number of frames that were read.
    """
    places = _places_by_unit(dataset, clips)
    ledger = _Ledger(dataset, clips)
    for unit, reading in _read_all(dataset, list(places), workers, advance):
        for place in places[unit]:
            ledger.enter(place, reading)
    return ledger.report(frames_read=len(places))


def _places_by_unit(dataset: Dataset, clips: Sequence[Clip]) -> dict[Unit, list[Place]]:
    places: dict[Unit, list[Place]] = {}
    for c, clip in enumerate(clips):
        for i in range(len(clip.frames)):
            places.setdefault(unit_of(dataset, clip, i), []).append((c, i))
    return places


class _Ledger:
    """Collects readings, in whatever order they come, into a report."""

    def __init__(self, dataset: Dataset, clips: Sequence[Clip]) -> None:
        self._dataset = dataset
        self._clips = clips
        self._faults: list[tuple[Place, str]] = []
        self._sizes: list[dict[int, tuple[int, int]]] = [{} for _ in clips]
        self._digests: list[dict[int, int]] = [{} for _ in clips]
        self._counts = {clip.split: np.zeros(256, np.int64) for clip in clips}

    def enter(self, place: Place, reading: Reading) -> None:
        c, i = place
        self._faults += [(place, message) for message in reading.faults]
        if reading.size is not None:
            self._sizes[c][i] = reading.size
        if reading.digest is not None and self._clips[c].is_consecutive:
            self._digests[c][i] = reading.digest
        if reading.counts is not None:
            self._counts[self._clips[c].split] += reading.counts

    def report(self, *, frames_read: int) -> CheckReport:
        for c, clip in enumerate(self._clips):
            self._faults += [((c, -1), message) for message in self._clip_faults(c, clip)]
        faults = [
            Fault(
                clip=self._clips[c].id,
                frame="" if i < 0 else self._clips[c].frame_names[i],
                message=message,
            )
            for (c, i), message in sorted(self._faults)
        ]
        return CheckReport(
            dataset=self._dataset.name,
            frames_read=frames_read,
            splits=[self._figures(split) for split in self._counts],
            faults=faults,
            remarks=self._remarks(),
        )

    def _clip_faults(self, c: int, clip: Clip) -> list[str]:
        faults = time_faults(clip)
        if not clip.frames:
            faults.append("clip has no frames")
        sizes = Counter(self._sizes[c].values())
        if len(sizes) > 1:
            listed = ", ".join(f"{w}x{h} ({n} frames)" for (h, w), n in sizes.most_common(4))
            faults.append(f"frames of one clip differ in size: {listed}")
        return faults

    def _figures(self, split: str) -> SplitFigures:
        chosen = [(c, clip) for c, clip in enumerate(self._clips) if clip.split == split]
        sizes = Counter(f"{w}x{h}" for c, _ in chosen for h, w in self._sizes[c].values())
        counts = self._counts[split]
        total = int(counts.sum())
        shares = [
            ClassShare(
                id=entry.id,
                name=entry.name,
                percent=round(100 * int(counts[entry.id]) / total, 4) if total else None,
            )
            for entry in self._dataset.record.classes
        ]
        return SplitFigures(
            split=split,
            clips=len(chosen),
            frames=sum(len(clip.frames) for _, clip in chosen),
            labelled=sum(len(clip.labelled_indices) for _, clip in chosen),
            sizes=dict(sizes),
            classes=shares,
        )

    def _remarks(self) -> list[str]:
        remarks = []
        totals: NDArray[np.int64] = sum(self._counts.values(), np.zeros(256, np.int64))
        absent = [entry.name for entry in self._dataset.classes if not totals[entry.id]]
        if absent and totals.any():
            remarks.append(f"no label holds these classes: {', '.join(absent)}")
        for c, clip in enumerate(self._clips):
            digests = self._digests[c]
            same = [i for i in digests if i and digests[i] == digests.get(i - 1)]
            if same:
                first = clip.frame_names[min(same)]
                remarks.append(
                    f"clip {clip.id}: {len(same)} frame(s) equal the one before, first {first}"
                )
        return remarks


def _read_all(
    dataset: Dataset, units: list[Unit], workers: int | None, advance: Advance
) -> Iterator[tuple[Unit, Reading]]:
    classes = dataset.record.classes
    known = frozenset(entry.id for entry in classes) | {dataset.ignore_index}
    guard = threading.Lock()
    is_stopped = threading.Event()

    def work(job: list[Unit]) -> list[tuple[Unit, Reading]]:
        readings = (
            read_video_units(job, classes, known)
            if isinstance(job[0].source, VideoFrame)
            else (read_unit(unit, classes, known) for unit in job)
        )
        done = []
        # A video that ends early gives fewer readings than units.
        for unit, reading in zip(job, readings, strict=False):
            done.append((unit, reading))
            if is_stopped.is_set():
                break
            with guard:
                advance(1)
        return done

    count = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        try:
            for done in _bounded_map(pool, work, _jobs(units), ahead=4 * count):
                yield from done
        finally:
            # Ctrl-C must not wait for the end of a long video.
            is_stopped.set()


def _jobs(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Give each image on its own and the frames of each video together."""
    videos: dict[str, list[tuple[int, Unit]]] = {}
    for unit in units:
        if isinstance(unit.source, VideoFrame):
            videos.setdefault(unit.source.video, []).append((unit.source.index, unit))
        else:
            yield [unit]
    for rows in videos.values():
        yield [unit for _, unit in sorted(rows, key=lambda row: row[0])]


def _bounded_map(
    pool: ThreadPoolExecutor,
    work: Callable[[list[Unit]], list[tuple[Unit, Reading]]],
    jobs: Iterable[list[Unit]],
    *,
    ahead: int,
) -> Iterator[list[tuple[Unit, Reading]]]:
    """Map with few results waiting, so that memory does not grow with the data set."""
    waiting: deque[Future[list[tuple[Unit, Reading]]]] = deque()
    for job in jobs:
        waiting.append(pool.submit(work, job))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
