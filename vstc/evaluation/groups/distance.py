"""Accuracy over the distance from the key frame, for predictions that were propagated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import VOID
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part
from vstc.formats.dataset import Clip
from vstc.metrics.confusion import (
    AbsentClass,
    ConfusionMatrix,
    SegmentationScores,
    mean_of_known,
    scores_from_counts,
)

TOTALS = ("miou_key", "miou_propagated", "miou_worst", "miou_cycle")
Distances = Callable[[Clip], Mapping[int, int]]


class DistanceGroup(MetricGroup):
    """mIoU of key frames, of the others, at the largest distance, and the mean over distances.

    Paul et al. 2020 score the largest distance only; the mean over distances is what a viewer
    of the whole video gets when every distance occurs as often.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        distances: Gives the distance of each frame of a clip, by its place.
        absent: What a class scores that occurs nowhere.
        excluded: Ids of classes that are left out of the means.
    """

    needs_truth = True

    def __init__(
        self,
        num_classes: int,
        *,
        distances: Distances,
        absent: AbsentClass = AbsentClass.NULL,
        excluded: Collection[int] = (),
    ) -> None:
        self.num_classes = num_classes
        self.distances = distances
        self.absent = absent
        self.excluded = tuple(excluded)

    def counter(self, clip: Clip) -> DistanceCounter:
        """Start to count a clip."""
        return DistanceCounter(self, self.distances(clip))

    def gatherer(self) -> DistanceGatherer:
        """Start to add up clips."""
        return DistanceGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(totals=TOTALS, frames=("distance",))

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {}

    def scores_of(self, counts: NDArray[np.int64]) -> SegmentationScores:
        """Read the scores from a confusion matrix."""
        return scores_from_counts(counts, absent=self.absent, excluded=self.excluded)


class DistanceCounter:
    """Counts one clip."""

    def __init__(self, group: DistanceGroup, distances: Mapping[int, int]) -> None:
        self._group = group
        self._distances = distances
        self._counts: dict[int, ConfusionMatrix] = {}
        self._frames: list[list[int]] = []

    def update(self, frame: JudgedFrame) -> None:
        """Count a labelled frame."""
        assert frame.true is not None
        distance = self._distances.get(frame.index)
        if distance is None:
            return
        if distance not in self._counts:
            self._counts[distance] = ConfusionMatrix(self._group.num_classes, VOID)
        self._counts[distance].update(frame.true, frame.predicted)
        self._frames.append([frame.index, distance])

    def result(self) -> Part:
        """Return the counts by distance, and the distance of each frame."""
        counts = [[distance, found.counts.tolist()] for distance, found in self._counts.items()]
        return {"counts": sorted(counts), "frames": self._frames}


class DistanceGatherer:
    """Adds up clips."""

    def __init__(self, group: DistanceGroup) -> None:
        self._group = group
        self._counts: dict[int, NDArray[np.int64]] = {}
        self._frames: dict[int, int] = {}

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        del clip
        for distance, counts in part["counts"]:
            found = np.array(counts, np.int64)
            self._counts[distance] = self._counts.get(distance, 0) + found
        for _, distance in part["frames"]:
            self._frames[distance] = self._frames.get(distance, 0) + 1
        return ClipRows(frames={index: {"distance": d} for index, d in part["frames"]})

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        distances = sorted(self._counts)
        size = self._group.num_classes + 1
        zeros = np.zeros((size, size), np.int64)
        by_distance = {d: self._group.scores_of(self._counts[d]) for d in distances}
        key = self._group.scores_of(self._counts.get(0, zeros))
        others = self._group.scores_of(
            sum((self._counts[d] for d in distances if d > 0), start=zeros)
        )
        worst = by_distance[distances[-1]].miou if distances and distances[-1] > 0 else None
        return GroupScores(
            totals={
                "miou_key": key.miou,
                "miou_propagated": others.miou,
                "miou_worst": worst,
                "miou_cycle": mean_of_known([scores.miou for scores in by_distance.values()]),
            },
            per_class={"iou_key": key.per_class_iou, "iou_propagated": others.per_class_iou},
            extra={
                "per_distance": [
                    {
                        "distance": d,
                        "frames": self._frames[d],
                        "miou": scores.miou,
                        "aacc": scores.aacc,
                        "iou": list(scores.per_class_iou),
                    }
                    for d, scores in by_distance.items()
                ]
            },
        )
