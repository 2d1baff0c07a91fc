"""From a mask to the one contour whose shape is compared, as evenly spaced points.

Follows Perazzi et al. 2016 (released code): simplify all outlines, take the one with the most
vertices, put points at most 3 px apart on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.stability.outline import Loops, trace_loops
from vstc.metrics.stability.simplify import simplify

_TOLERANCES = (0.1, 3.0)  # in half pixels, one pass each
_SPACING = np.float32(3)  # pixels
_MIN_POINTS = 4  # the closing point counts


@dataclass(frozen=True)
class Contours:
    """Simplified outlines of a mask: outer ones clockwise on screen, holes counter-clockwise.

    Attributes:
        loops: Closed (row, column) polylines, at pixel corners.
        is_hole: (L,) whether a loop surrounds background.
    """

    loops: Loops
    is_hole: NDArray[np.bool_]

    def with_most_vertices(self) -> NDArray[np.int64] | None:
        """Return the (n, 2) loop with most vertices, the last one of equals; None without one."""
        if not len(self.loops):
            return None
        counts = np.diff(self.loops.starts)
        index = len(counts) - 1 - int(np.argmax(counts[::-1]))
        return self.loops.points[self.loops.starts[index] : self.loops.starts[index + 1]]


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold all foreground of a mask; None without any."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def find_contours(mask: NDArray[np.bool_], *, origin: tuple[int, int] = (0, 0)) -> Contours:
    """Find the outlines of a mask, simplify and orient them, drop those of less than 4 points.

    Args:
        mask: (H, W); true is foreground.
        origin: Row and column in the frame of the mask's first pixel.
    """
    box = bounding_box(mask)
    if box is None:
        return Contours(Loops(np.zeros((0, 2), np.int64), np.zeros(1, np.int64)), np.zeros(0, bool))
    traced = trace_loops(mask[box])
    is_hole = _are_holes(traced, mask[box])
    loops = Loops(2 * traced.points, traced.starts)  # tolerances are given in half pixels
    for tolerance in _TOLERANCES:
        loops = simplify(loops, tolerance=tolerance)
    corner = (origin[0] + box[0].start, origin[1] + box[1].start)
    points = _oriented(loops, is_hole) // 2 + corner
    counts = np.diff(loops.starts)
    stays = counts >= _MIN_POINTS
    starts = np.concatenate([[0], np.cumsum(counts[stays])])
    return Contours(Loops(points[np.repeat(stays, counts)], starts), is_hole[stays])


def resample(contour: NDArray[np.int64]) -> NDArray[np.float32]:
    """Put points on a closed polyline: all vertices, and evenly between them.

    Args:
        contour: (n, 2) closed polyline of (row, column).

    Returns:
        (m, 2) points (x, y), at most 3 px apart, the closing point included. They come from
        repeated additions in single precision, as in the reference.
    """
    vertices = contour[:, ::-1].astype(np.float32)
    steps = np.diff(vertices, axis=0)
    lengths = np.sqrt(steps[:, 0] * steps[:, 0] + steps[:, 1] * steps[:, 1])
    parts = np.maximum(np.ceil(lengths / _SPACING), 1).astype(np.int64)
    steps /= parts.astype(np.float32)[:, None]
    offsets = np.cumsum(parts) - parts
    points = np.empty((int(parts.sum()) + 1, 2), np.float32)
    points[-1] = vertices[-1]
    current = vertices[:-1].copy()
    for part in range(int(parts.max())):
        is_due = parts > part
        points[offsets[is_due] + part] = current[is_due]
        current += steps
    return points


def _are_holes(loops: Loops, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Look at the pixel at the lower right of each loop's first vertex in raster order."""
    width = mask.shape[1] + 1
    flat = loops.points[:, 0] * width + loops.points[:, 1]
    rows, columns = np.divmod(np.minimum.reduceat(flat, loops.starts[:-1]), width)
    is_hole: NDArray[np.bool_] = ~mask[rows, columns]
    return is_hole


def _oriented(loops: Loops, is_hole: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Reverse loops that run the wrong way round."""
    points = loops.points.copy()
    downs = np.diff(points[:, 0], append=0)
    turns = downs * (points[:, 1] + np.roll(points[:, 1], -1))
    turns[loops.starts[1:] - 1] = 0  # not a step: the next point is another loop's
    is_clockwise = np.add.reduceat(turns, loops.starts[:-1]) > 0
    for index in np.flatnonzero(is_clockwise == is_hole).tolist():
        part = slice(loops.starts[index], loops.starts[index + 1])
        points[part] = points[part][::-1]
    return points
