"""IoU and accuracies of predicted against true labels."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import VOID
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part, Value
from vstc.formats.dataset import Clip
from vstc.metrics.confusion import (
    AbsentClass,
    ConfusionMatrix,
    SegmentationScores,
    scores_from_counts,
)

TOTALS = ("miou", "macc", "aacc", "fwiou")
_FRAME_COLUMNS = ("labelled_pixels", "accuracy", "miou")


class SegmentationGroup(MetricGroup):
    """mIoU, mAcc, aAcc and fwIoU from one confusion matrix over all labelled frames.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        absent: What a class scores that occurs nowhere.
        excluded: Ids of classes that are left out of the means.
    """

    needs_truth = True

    def __init__(
        self,
        num_classes: int,
        *,
        absent: AbsentClass = AbsentClass.NULL,
        excluded: Collection[int] = (),
    ) -> None:
        self.num_classes = num_classes
        self.absent = absent
        self.excluded = tuple(excluded)

    def counter(self, clip: Clip) -> SegmentationCounter:
        """Start to count a clip."""
        del clip
        return SegmentationCounter(self)

    def gatherer(self) -> SegmentationGatherer:
        """Start to add up clips."""
        return SegmentationGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(
            totals=TOTALS,
            clips=("labelled_frames", *TOTALS),
            frames=_FRAME_COLUMNS,
        )

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {"absent": self.absent.value}

    def scores_of(self, counts: NDArray[np.int64]) -> SegmentationScores:
        """Read the scores from a confusion matrix."""
        return scores_from_counts(counts, absent=self.absent, excluded=self.excluded)


class SegmentationCounter:
    """Counts one clip."""

    def __init__(self, group: SegmentationGroup) -> None:
        self._group = group
        self._confusion = ConfusionMatrix(group.num_classes, VOID)
        self._frames: list[list[Value]] = []

    def update(self, frame: JudgedFrame) -> None:
        """Count a labelled frame."""
        assert frame.true is not None
        alone = ConfusionMatrix(self._group.num_classes, VOID)
        alone.update(frame.true, frame.predicted)
        self._confusion.merge(alone)
        scores = self._group.scores_of(alone.counts)
        self._frames.append([frame.index, scores.n_pixels, scores.aacc, scores.miou])

    def result(self) -> Part:
        """Return counts, and pixels, accuracy and mIoU of every frame."""
        return {"confusion": self._confusion.counts.tolist(), "frames": self._frames}


class SegmentationGatherer:
    """Adds up clips."""

    def __init__(self, group: SegmentationGroup) -> None:
        self._group = group
        self._counts = ConfusionMatrix(group.num_classes, VOID).counts
        self._labelled_frames = 0

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        del clip
        counts = np.array(part["confusion"], np.int64)
        self._counts += counts
        self._labelled_frames += len(part["frames"])
        return ClipRows(
            clip={
                "labelled_frames": len(part["frames"]),
                **_totals(self._group.scores_of(counts)),
            },
            frames={
                index: dict(zip(_FRAME_COLUMNS, values, strict=True))
                for index, *values in part["frames"]
            },
        )

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        scores = self._group.scores_of(self._counts)
        return GroupScores(
            totals=_totals(scores),
            counts={"labelled_frames": self._labelled_frames, "labelled_pixels": scores.n_pixels},
            per_class={"iou": scores.per_class_iou, "acc": scores.per_class_acc},
            extra={"confusion": self._counts.tolist()},
        )


def _totals(scores: SegmentationScores) -> dict[str, float | None]:
    return dict(zip(TOTALS, (scores.miou, scores.macc, scores.aacc, scores.fwiou), strict=True))
