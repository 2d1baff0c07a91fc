"""Boundary F and region J of DAVIS, per class and labelled frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vstc.data.labels import VOID
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part
from vstc.formats.dataset import Clip
from vstc.metrics.boundary import TOLERANCE
from vstc.metrics.confusion import mean_of_known
from vstc.metrics.object_scores import ObjectCounter, ObjectScores, ObjectSums, object_scores

TOTALS = ("boundary_f", "region_j")


class BoundaryGroup(MetricGroup):
    """Mean over clips and classes of the mean over frames (DAVIS 2017, a class as an object).

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        class_ids: The classes that are judged.
    """

    needs_truth = True

    def __init__(self, num_classes: int, *, class_ids: Sequence[int]) -> None:
        self.num_classes = num_classes
        self.class_ids = tuple(class_ids)

    def counter(self, clip: Clip) -> BoundaryCounter:
        """Start to count a clip."""
        del clip
        return BoundaryCounter(self.class_ids)

    def gatherer(self) -> BoundaryGatherer:
        """Start to add up clips."""
        return BoundaryGatherer(self.num_classes)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(totals=TOTALS, clips=TOTALS, frames=TOTALS)

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {"boundary": {"tolerance": TOLERANCE, "absent": "null"}}


class BoundaryCounter:
    """Counts one clip."""

    def __init__(self, class_ids: Sequence[int]) -> None:
        self._counter = ObjectCounter(class_ids, void=VOID)
        self._frames: list[list[Any]] = []

    def update(self, frame: JudgedFrame) -> None:
        """Count a labelled frame."""
        assert frame.true is not None
        values = self._counter.update(frame.true, frame.predicted).values()
        f, j = mean_of_known([v.f for v in values]), mean_of_known([v.j for v in values])
        self._frames.append([frame.index, f, j])

    def result(self) -> Part:
        """Return sums by class, and F and J of every frame."""
        return {"objects": self._counter.clip.as_json(), "frames": self._frames}


class BoundaryGatherer:
    """Adds up clips."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._clips: list[ObjectSums] = []

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        del clip
        sums = ObjectSums.from_json(part["objects"])
        self._clips.append(sums)
        return ClipRows(
            clip=_totals(object_scores([sums])),
            frames={i: dict(zip(TOTALS, values, strict=True)) for i, *values in part["frames"]},
        )

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        scores = object_scores(self._clips)
        found = [scores.per_id.get(class_id) for class_id in range(self._num_classes)]
        return GroupScores(
            totals=_totals(scores),
            per_class={
                "boundary_f": [None if value is None else value.f for value in found],
                "region_j": [None if value is None else value.j for value in found],
            },
        )


def _totals(scores: ObjectScores) -> dict[str, float | None]:
    return {"boundary_f": scores.f, "region_j": scores.j}
