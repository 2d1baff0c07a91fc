"""Region similarity J and boundary F of the objects, or classes, of label maps.

A mask is made of every id; void in the truth is taken out of both masks, as the released code of
DAVIS 2017 does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.boundary import (
    TOLERANCE,
    boundary_scores,
    boundary_tolerance,
    region_similarity,
)
from vstc.metrics.confusion import mean_of_known

Labels = NDArray[np.uint8]


class AbsentObject(StrEnum):
    """What an id scores in a frame where neither truth nor prediction has it.

    ``NULL`` leaves the frame out, as fits the classes of a scene; ``ONE`` counts it as right
    (DAVIS, for the objects that a clip is known to have).
    """

    NULL = "null"
    ONE = "one"


@dataclass(frozen=True)
class ObjectValue:
    """J and F of one id in one frame, in [0, 1]."""

    j: float
    f: float


@dataclass
class ObjectSums:
    """What is counted of one clip.

    Attributes:
        sums: By id: sum of J, sum of F, and the number of frames that count.
    """

    sums: dict[int, tuple[float, float, int]] = field(default_factory=dict)

    def add(self, object_id: int, value: ObjectValue) -> None:
        """Add a frame."""
        j, f, n_frames = self.sums.get(object_id, (0.0, 0.0, 0))
        self.sums[object_id] = (j + value.j, f + value.f, n_frames + 1)

    def means(self) -> dict[int, ObjectValue]:
        """Return the mean over frames by id."""
        return {k: ObjectValue(j / n, f / n) for k, (j, f, n) in self.sums.items()}

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {str(k): list(entry) for k, entry in sorted(self.sums.items())}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> ObjectSums:
        """Read what ``as_json`` made."""
        return ObjectSums({int(k): (j, f, n) for k, (j, f, n) in value.items()})


class ObjectCounter:
    """Count J and F of one clip, frame by frame.

    Args:
        ids: The ids that are judged: all classes, or the objects of the clip.
        void: True id of pixels that do not count.
        absent: What an id scores in a frame that has none of it.
        tolerance: Distance of matched outlines, as a part of the diagonal.

    Attributes:
        clip: What was counted.
    """

    def __init__(
        self,
        ids: Sequence[int],
        *,
        void: int = 255,
        absent: AbsentObject | str = AbsentObject.NULL,
        tolerance: float = TOLERANCE,
    ) -> None:
        if void in ids or not all(0 <= k <= 255 for k in ids):
            raise ValueError(f"ids must be 0..255 without void {void}, found {list(ids)}")
        self.ids = tuple(ids)
        self.void = void
        self.absent = AbsentObject(absent)
        self.tolerance = tolerance
        self.clip = ObjectSums()

    def update(self, true: Labels, predicted: Labels) -> dict[int, ObjectValue]:
        """Count a frame.

        Args:
            true: True ids, (H, W).
            predicted: Predicted ids of the same shape.

        Returns:
            Values by id; without ids that do not count in this frame.
        """
        if true.shape != predicted.shape or true.ndim != 2:
            raise ValueError(f"label maps differ in shape: {true.shape} and {predicted.shape}")
        tolerance = boundary_tolerance((true.shape[0], true.shape[1]), self.tolerance)
        seen = np.where(true == self.void, np.uint8(self.void), predicted)
        present = set(np.unique(true)) | set(np.unique(seen))
        values = {}
        for k in self.ids:
            if k in present:
                values[k] = _judge(true == k, seen == k, tolerance)
            elif self.absent is AbsentObject.ONE:
                values[k] = ObjectValue(1.0, 1.0)
        for k, value in values.items():
            self.clip.add(k, value)
        return values


@dataclass(frozen=True)
class ObjectScores:
    """J and F of a data set, in [0, 1]; None where nothing could be counted.

    Attributes:
        j: Mean over all objects of all clips of their mean over frames (DAVIS 2017).
        f: The same for the boundary.
        per_id: Mean over the clips that have the id, of classes that are shared over clips.
        n_objects: Objects, one per clip and id.
    """

    j: float | None
    f: float | None
    per_id: Mapping[int, ObjectValue]
    n_objects: int

    @property
    def j_and_f(self) -> float | None:
        """Mean of both."""
        return None if self.j is None or self.f is None else (self.j + self.f) / 2


def object_scores(clips: Sequence[ObjectSums]) -> ObjectScores:
    """Read the scores from what was counted; of a single clip, too."""
    entries = [entry for clip in clips for entry in clip.means().items()]
    by_id: dict[int, list[ObjectValue]] = {}
    for k, value in entries:
        by_id.setdefault(k, []).append(value)
    return ObjectScores(
        j=mean_of_known([value.j for _, value in entries]),
        f=mean_of_known([value.f for _, value in entries]),
        per_id={
            k: ObjectValue(
                sum(value.j for value in values) / len(values),
                sum(value.f for value in values) / len(values),
            )
            for k, values in sorted(by_id.items())
        },
        n_objects=len(entries),
    )


def _judge(true: NDArray[np.bool_], predicted: NDArray[np.bool_], tolerance: int) -> ObjectValue:
    return ObjectValue(
        region_similarity(true, predicted),
        boundary_scores(true, predicted, tolerance=tolerance).f,
    )
