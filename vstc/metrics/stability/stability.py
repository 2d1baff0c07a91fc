"""Temporal stability T of DAVIS 2016 for a pair of masks (Perazzi et al. 2016, section 4).

T is the mean distance between the shape contexts of matched points on an object's outlines in two
frames: 0 for one shape, at most 1. It measures *in*stability: smaller is steadier. This is the raw
value; DAVIS publishes 5 T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.stability.alignment import mean_matched_cost
from vstc.metrics.stability.contour import find_contours, resample
from vstc.metrics.stability.matching_cost import matching_cost
from vstc.metrics.stability.shape_context import shape_histograms


@dataclass(frozen=True)
class ShapeDescriptor:
    """The shape of a mask's main contour.

    Attributes:
        points: (n, 2) float32 places (x, y) on the contour, in pixels; the last repeats the first.
        histograms: (n, 60) shape context counts, in the smallest unsigned type that holds n.
    """

    points: NDArray[np.float32]
    histograms: NDArray[np.unsignedinteger]


def describe_mask(
    mask: NDArray[np.bool_], *, origin: tuple[int, int] = (0, 0)
) -> ShapeDescriptor | None:
    """Describe the contour of a mask that has most vertices.

    Args:
        mask: (H, W); true is foreground.
        origin: Row and column of the mask's first pixel, if the mask is cut out of a frame.

    Returns:
        None if no outline is left after simplification: nothing, single pixels, lines of 1 px.
    """
    contour = find_contours(mask, origin=origin).with_most_vertices()
    if contour is None:
        return None
    points = resample(contour)
    return ShapeDescriptor(points, shape_histograms(points))


def shape_distance(first: ShapeDescriptor, second: ShapeDescriptor) -> float:
    """Return T, in [0, 1], between two shapes.

    Where paths of equal cost exist, the released code leaves the choice to the order of a heap;
    here the diagonal step wins, then the one along the first contour. T differs by at most some
    thousandths there.
    """
    if np.array_equal(first.histograms, second.histograms):
        return 0.0  # as the alignment would find: the diagonal costs nothing
    return mean_matched_cost(matching_cost(first.histograms, second.histograms))


def temporal_instability(
    mask_prev: NDArray[np.bool_], mask_next: NDArray[np.bool_]
) -> float | None:
    """Return T between two masks (H, W) of one object; None if one of them has no outline."""
    shape_prev, shape_next = describe_mask(mask_prev), describe_mask(mask_next)
    if shape_prev is None or shape_next is None:
        return None
    return shape_distance(shape_prev, shape_next)
