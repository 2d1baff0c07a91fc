"""Give the masks of each frame the numbers of the objects that they show.

The paper matches by a weighted sum of classification score, mask overlap and location (Liu et
al. 2022, section V); the form of the sum follows MaskTrack R-CNN (Yang et al. 2019, Eq. 4), with
masks in place of boxes, without its appearance term, and with conflicts settled for the whole
frame at once rather than per detection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vstc.formats.objects.rle import Rle
from vstc.instances.tracking.move import move_prev_to_next
from vstc.instances.tracking.settings import AssociationSettings
from vstc.instances.tracking.shapes import (
    Floats,
    MaskShape,
    location_table,
    overlap_table,
    shape_of_mask,
    shape_of_runs,
)

_LOWEST_SCORE = 1e-6


@dataclass(frozen=True)
class Detection:
    """An object found in one frame.

    Attributes:
        rle: Its mask.
        score: Confidence, 0 to 1.
        category_id: Its class.
    """

    rle: Rle
    score: float = 1.0
    category_id: int = 0


@dataclass
class _Track:
    """What is remembered of an object: its mask when last seen, or where that has moved."""

    number: int
    shape: MaskShape
    last_seen: int
    votes: Counter[int] = field(default_factory=Counter)

    @property
    def category_id(self) -> int:
        """The class that it had most often; of equals the one seen first."""
        return self.votes.most_common(1)[0][0]


class Tracker:
    """Numbers the objects of a clip, frame by frame.

    The numbers do not depend on the order of the detections within a frame. New objects of a
    frame are numbered by falling score, then by falling area, then from left to right. Nothing
    is forgotten unless ``max_age`` says so: an object that returns where it was lost gets its
    number again, one that returns elsewhere gets a new number.

    Args:
        height: Rows of the frames.
        width: Columns of the frames.
        settings: How detections are matched.
    """

    def __init__(
        self, *, height: int, width: int, settings: AssociationSettings | None = None
    ) -> None:
        self._size = (height, width)
        self._settings = settings or AssociationSettings()
        self._tracks: list[_Track] = []
        self._next_number = 1
        self._index = 0

    def step(
        self,
        detections: Sequence[Detection],
        flow_next_to_prev: NDArray[np.float32] | None = None,
    ) -> list[int | None]:
        """Number the detections of the next frame.

        Args:
            detections: What was found; masks may overlap.
            flow_next_to_prev: Flow on the grid of this frame, (H, W, 2), (x, y) in pixels:
                sampling the frame before at grid + flow gives this frame. None compares masks
                where they were.

        Returns:
            A positive number for each detection, in their order; None where the mask is empty.

        Raises:
            ValueError: A mask or the flow has another size than the clip.
        """
        self._check_sizes(detections, flow_next_to_prev)
        self._forget()
        numbers: list[int | None] = [None] * len(detections)
        shapes = [shape_of_mask(detection.rle) for detection in detections]
        ranked = sorted(
            (place for place, shape in enumerate(shapes) if shape is not None),
            key=lambda place: _rank(detections[place]),
        )
        found = [detections[place] for place in ranked]
        found_shapes = [shape for place in ranked if (shape := shapes[place]) is not None]
        chosen = self._match(found, found_shapes, self._expected_shapes(flow_next_to_prev))
        for place, detection, shape, track in zip(ranked, found, found_shapes, chosen, strict=True):
            numbers[place] = self._remember(track, detection, shape)
        self._index += 1
        return numbers

    def _match(
        self, found: Sequence[Detection], shapes: Sequence[MaskShape], known: Sequence[MaskShape]
    ) -> list[_Track | None]:
        chosen: list[_Track | None] = [None] * len(found)
        if not (found and known):
            return chosen
        given = self._settings
        likeness = given.iou_weight * overlap_table(
            shapes, known, pixels=self._size[0] * self._size[1]
        )
        likeness += given.location_weight * location_table(shapes, known)
        classes = np.array([detection.category_id for detection in found])
        known_classes = np.array([track.category_id for track in self._tracks])
        likeness -= given.class_weight * (classes[:, None] != known_classes[None])
        scores = np.array([detection.score for detection in found])
        bonus = given.score_weight * np.log(np.maximum(scores, _LOWEST_SCORE))
        for row, column in best_pairs(likeness, bonus, threshold=given.new_threshold):
            chosen[row] = self._tracks[column]
        return chosen

    def _expected_shapes(self, flow_next_to_prev: NDArray[np.float32] | None) -> list[MaskShape]:
        """Return where the known objects are expected; those seen lately move with the flow.

        One that the flow takes out of the frame stays where it was.
        """
        shapes = [track.shape for track in self._tracks]
        if flow_next_to_prev is None:
            return shapes
        carried = self._settings.carry_frames
        ages = [self._index - track.last_seen for track in self._tracks]
        moving = [place for place, age in enumerate(ages) if age <= max(carried, 1)]
        moved = move_prev_to_next([shapes[place].runs for place in moving], flow_next_to_prev)
        for place, runs in zip(moving, moved, strict=True):
            shape = shape_of_runs(runs, height=self._size[0]) or shapes[place]
            shapes[place] = shape
            if ages[place] <= carried:
                self._tracks[place].shape = shape
        return shapes

    def _remember(self, track: _Track | None, detection: Detection, shape: MaskShape) -> int:
        if track is None:
            track = _Track(self._next_number, shape, self._index)
            self._next_number += 1
            self._tracks.append(track)
        track.shape, track.last_seen = shape, self._index
        track.votes[detection.category_id] += 1
        return track.number

    def _forget(self) -> None:
        max_age = self._settings.max_age
        if max_age is not None:
            self._tracks = [
                track for track in self._tracks if self._index - track.last_seen <= max_age
            ]

    def _check_sizes(
        self, detections: Sequence[Detection], flow_next_to_prev: NDArray[np.float32] | None
    ) -> None:
        for detection in detections:
            size = (detection.rle.height, detection.rle.width)
            if size != self._size:
                raise ValueError(f"a mask of {size} does not fit a clip of {self._size}")
        if flow_next_to_prev is not None and flow_next_to_prev.shape != (*self._size, 2):
            raise ValueError(f"flow {flow_next_to_prev.shape} does not fit a clip of {self._size}")


def best_pairs(likeness: Floats, bonus: Floats, *, threshold: float) -> list[tuple[int, int]]:
    """Choose pairs from the best down, each row and column at most once.

    Args:
        likeness: Value of each pair, (K, N).
        bonus: What is added to all pairs of a row, (K,).
        threshold: Pairs whose likeness, without the bonus, is not above this are never chosen.

    Returns:
        Row and column of the chosen pairs; of equals the lower row, then the lower column.
    """
    rows, columns = np.nonzero(likeness > threshold)
    values = likeness[rows, columns] + bonus[rows]
    order = np.lexsort((columns, rows, -values))
    pairs: list[tuple[int, int]] = []
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            pairs.append((row, column))
    return pairs


def _rank(detection: Detection) -> tuple[float, int, int, int, bytes]:
    """Order detections by what they are, so that their order in the input means nothing."""
    rle = detection.rle
    first_place = int(rle.counts[0])
    return -detection.score, -rle.area, detection.category_id, first_place, rle.counts.tobytes()
