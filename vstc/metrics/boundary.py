"""Boundary F-measure and region similarity of two masks, as DAVIS defines them.

Perazzi et al. 2016, section 4; where the text leaves a choice, the released code decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
TOLERANCE = 0.008


@dataclass(frozen=True)
class BoundaryScores:
    """How well two outlines agree, in [0, 1].

    Attributes:
        precision: Share of the predicted outline that is close to the true one.
        recall: Share of the true outline that is close to the predicted one.
    """

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Harmonic mean of both; 0 when both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def region_similarity(true: Mask, predicted: Mask) -> float:
    """Return J, the intersection over the union of two masks, (H, W); 1 when both are empty."""
    union = int(np.count_nonzero(true | predicted))
    return int(np.count_nonzero(true & predicted)) / union if union else 1.0


def boundary_tolerance(size: tuple[int, int], share: float = TOLERANCE) -> int:
    """Return how far outlines may be apart, in whole pixels.

    Args:
        size: Height and width of the frame.
        share: Part of the diagonal of the frame; the result is rounded up.
    """
    return math.ceil(share * math.hypot(*size))


def boundary_scores(true: Mask, predicted: Mask, *, tolerance: int) -> BoundaryScores:
    """Compare the outlines of two masks.

    A pixel of an outline is matched when the other outline has a pixel within ``tolerance``, its
    limit included. Where both outlines are empty, precision and recall
    are 1; where only the prediction's is, precision 1 and recall 0; where only the true one is,
    precision 0 and recall 1. A mask that fills the frame has no outline.

    Args:
        true: True mask, (H, W).
        predicted: Predicted mask of the same shape.
        tolerance: Pixels, see ``boundary_tolerance``.
    """
    if true.shape != predicted.shape or true.ndim != 2:
        raise ValueError(f"masks differ in shape: {true.shape} and {predicted.shape}")
    part = _box(true | predicted)
    true_outline, outline = outline_of(true[part]), outline_of(predicted[part])
    if not true_outline.any() or not outline.any():
        return BoundaryScores(
            precision=0.0 if outline.any() else 1.0, recall=0.0 if true_outline.any() else 1.0
        )
    return BoundaryScores(
        precision=_share_near(outline, true_outline, tolerance),
        recall=_share_near(true_outline, outline, tolerance),
    )


def outline_of(mask: Mask) -> Mask:
    """Mark pixels whose right, lower or lower right neighbour is on the other side.

    The outline is one pixel wide and half a pixel up and left of the true border. Neighbours
    outside the frame do not count.

    Args:
        mask: (H, W).
    """
    outline = np.zeros_like(mask)
    outline[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    outline[:-1] |= mask[:-1] != mask[1:]
    outline[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return outline


def _share_near(outline: Mask, other: Mask, tolerance: int) -> float:
    near = np.asarray(cv2.dilate(other.view(np.uint8), _disk(tolerance)), np.bool_)
    return int(np.count_nonzero(outline & near)) / int(np.count_nonzero(outline))


def _disk(radius: int) -> NDArray[np.uint8]:
    """Return the whole places within ``radius`` of the middle, as ones of a square."""
    rows, columns = np.indices((2 * radius + 1, 2 * radius + 1)) - radius
    disk: NDArray[np.uint8] = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
    return disk


def _box(mask: Mask) -> tuple[slice, slice]:
    """Return the part of a frame that holds a mask with a margin: outlines do not reach further."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (
        slice(max(y - 1, 0), y + height + 1),
        slice(max(x - 1, 0), x + width + 1),
    )
