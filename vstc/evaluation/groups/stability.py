"""Temporal stability Tsb: how much the outline of each mask changes its shape in a frame."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import VOID
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part, Value
from vstc.evaluation.settings import StabilityScale, StabilitySettings, StabilityTarget
from vstc.formats.dataset import Clip
from vstc.metrics.confusion import mean_of_known
from vstc.metrics.stability.stability import ShapeDescriptor
from vstc.metrics.stability.workers import StabilityWorkers

Labels = NDArray[np.uint8]
Shapes = Mapping[int, ShapeDescriptor | None]
FOREGROUND = 1
_DAVIS_FACTOR = 5.0
_PAIRS_IN_FLIGHT = 2


class StabilityGroup(MetricGroup):
    """Tsb over the pairs of neighbouring predictions, mask by mask; smaller is steadier.

    Per clip and mask the mean over pairs, per clip the mean over masks, and of these the mean
    over clips. A pair in which one of the frames has no outline of the mask does not count.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        class_ids: Classes whose masks are taken, with target ``class``.
        settings: Target, scale and size.
    """

    is_temporal = True

    def __init__(
        self, num_classes: int, *, class_ids: Sequence[int], settings: StabilitySettings
    ) -> None:
        self.num_classes = num_classes
        self.class_ids = tuple(class_ids)
        self.settings = settings
        self.factor = _DAVIS_FACTOR if settings.scale is StabilityScale.DAVIS else 1.0
        self._processes: StabilityWorkers | None = None

    @contextmanager
    def working(self, workers: int | None) -> Iterator[None]:
        """Hold the processes that compare outlines."""
        with StabilityWorkers(workers or os.cpu_count() or 1) as self._processes:
            yield
        self._processes = None

    @property
    def processes(self) -> StabilityWorkers:
        """The processes that compare outlines; this one alone outside of ``working``."""
        return self._processes or StabilityWorkers(1)

    def counter(self, clip: Clip) -> StabilityCounter:
        """Start to count a clip."""
        return StabilityCounter(self, clip)

    def gatherer(self) -> StabilityGatherer:
        """Start to add up clips."""
        return StabilityGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(totals=("tsb",), clips=("tsb", "tsb_valid_pairs"), pairs=("tsb",))

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        settings = self.settings
        return {
            "tsb": {
                "target": settings.target.value,
                "classes": list(settings.classes),
                "scale": settings.scale.value,
                "trimmed": settings.is_trimmed,
                "max_side": settings.max_side,
                "stride": settings.stride,
            }
        }

    def masks(self, labels: Labels) -> dict[int, NDArray[np.bool_]]:
        """Return the masks of a frame by id; absent ones are left out."""
        labels = _shrunk(labels, self.settings.max_side)
        if self.settings.target is StabilityTarget.FOREGROUND:
            mask = (labels != 0) & (labels != VOID)
            return {FOREGROUND: mask} if mask.any() else {}
        present = np.flatnonzero(np.bincount(labels.reshape(-1), minlength=256)[:VOID])
        if self.settings.target is StabilityTarget.INSTANCE:
            wanted = [int(i) for i in present if i != 0]
        else:
            wanted = [int(i) for i in present if i in self.class_ids]
        return {i: labels == i for i in wanted}


class StabilityCounter:
    """Counts one clip; a few pairs are compared while the next frames are read."""

    def __init__(self, group: StabilityGroup, clip: Clip) -> None:
        self._group = group
        self._num_frames = len(clip.frames)
        self._previous: Shapes = {}
        self._in_flight: deque[tuple[int, dict[int, Future[float] | None]]] = deque()
        self._pairs: list[list[Any]] = []

    def update(self, frame: JudgedFrame) -> None:
        """Count the pair of a frame and the one before it."""
        if frame.previous is None:
            self._previous = {}
        if not self._is_wanted(frame.index - 1) and not self._is_wanted(frame.index):
            return
        processes = self._group.processes
        pending = {i: processes.describe(m) for i, m in self._group.masks(frame.predicted).items()}
        shapes = {i: shape.result() for i, shape in pending.items()}
        if frame.previous is not None and self._is_wanted(frame.index - 1):
            self._in_flight.append((frame.previous.index, self._compare(self._previous, shapes)))
            while len(self._in_flight) > _PAIRS_IN_FLIGHT:
                self._land()
        self._previous = shapes

    def result(self) -> Part:
        """Return the raw values of every pair by mask; null where an outline is missing."""
        while self._in_flight:
            self._land()
        return {"pairs": self._pairs}

    def _is_wanted(self, index: int) -> bool:
        """Tell whether the pair that begins with a frame is compared."""
        first = 1 if self._group.settings.is_trimmed else 0
        return (
            first <= index < self._num_frames - 1 - first
            and (index - first) % self._group.settings.stride == 0
        )

    def _compare(self, earlier: Shapes, later: Shapes) -> dict[int, Future[float] | None]:
        found: dict[int, Future[float] | None] = {}
        for key in sorted(earlier.keys() | later.keys()):
            first, second = earlier.get(key), later.get(key)
            found[key] = None
            if first is not None and second is not None:
                found[key] = self._group.processes.distance(first, second)
        return found

    def _land(self) -> None:
        index, pending = self._in_flight.popleft()
        values = [[key, value.result() if value else None] for key, value in pending.items()]
        self._pairs.append([index, values])


class StabilityGatherer:
    """Adds up clips."""

    def __init__(self, group: StabilityGroup) -> None:
        self._group = group
        self._clips: list[float | None] = []
        self._by_mask: list[dict[int, float | None]] = []
        self._valid: dict[int, int] = {}
        self._lost_pairs = 0
        self._instances: list[dict[str, Any]] = []

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        known: dict[int, list[float]] = {}
        pairs: dict[int, dict[str, Value]] = {}
        for index, values in part["pairs"]:
            for key, value in values:
                known.setdefault(key, [])
                if value is None:
                    self._lost_pairs += 1
                else:
                    known[key].append(self._group.factor * value)
            of_pair = mean_of_known([value for _, value in values])
            pairs[index] = {"tsb": None if of_pair is None else self._group.factor * of_pair}
        means = {key: mean_of_known(values) for key, values in known.items()}
        counts = {key: len(values) for key, values in known.items()}
        for key, count in counts.items():
            self._valid[key] = self._valid.get(key, 0) + count
        tsb = mean_of_known(list(means.values()))
        self._clips.append(tsb)
        self._by_mask.append(means)
        self._instances += [
            {"clip": clip.id, "id": key, "tsb": means[key], "valid_pairs": counts[key]}
            for key in sorted(means)
        ]
        return ClipRows(clip={"tsb": tsb, "tsb_valid_pairs": sum(counts.values())}, pairs=pairs)

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        group = self._group
        is_by_class = group.settings.target is StabilityTarget.CLASS
        classes = range(group.num_classes)
        return GroupScores(
            totals={"tsb": mean_of_known(self._clips)},
            counts={
                "tsb_valid_pairs": sum(self._valid.values()),
                "tsb_lost_pairs": self._lost_pairs,
            },
            per_class={
                "tsb": [mean_of_known([m.get(k) for m in self._by_mask]) for k in classes],
                "tsb_valid_pairs": [self._valid.get(k, 0) for k in classes],
            }
            if is_by_class
            else {},
            extra={} if is_by_class else {"per_instance": self._instances},
        )


def _shrunk(labels: Labels, max_side: int | None) -> Labels:
    longest = max(labels.shape)
    if max_side is None or longest <= max_side:
        return labels
    height, width = (max(1, round(side * max_side / longest)) for side in labels.shape)
    resized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, np.uint8)
