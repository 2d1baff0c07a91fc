"""Simplification of closed polylines: a radial distance filter, then Douglas-Peucker.

Both steps and their rounding follow the reference implementation (Perazzi et al. 2016, released
code). All loops of a mask are treated at once, one level of the recursion after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.stability.outline import Loops


def simplify(loops: Loops, *, tolerance: float) -> Loops:
    """Drop the points that lie closer than a tolerance to what remains.

    Args:
        loops: Closed polylines.
        tolerance: Distance in the units of the points, both for neighbours along the line
            (radial filter) and for the distance from a chord (Douglas-Peucker).

    Returns:
        Loops with the same first and last points.
    """
    return douglas_peucker(drop_close_neighbours(loops, tolerance), tolerance)


def drop_close_neighbours(loops: Loops, tolerance: float) -> Loops:
    """Keep a point only where it lies at least ``tolerance`` away from the last one kept.

    The first and last points of a loop stay.
    """
    limit = tolerance * tolerance
    points = loops.points
    is_kept = np.ones(len(points), np.bool_)
    steps = np.diff(points, axis=0).astype(np.float64)
    if np.any(_squared_lengths(steps) < limit):
        rows, columns = points[:, 0].tolist(), points[:, 1].tolist()
        bounds = loops.starts.tolist()
        dropped = []
        for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
            row, column = rows[start], columns[start]
            for index in range(start + 1, stop - 1):
                down, right = rows[index] - row, columns[index] - column
                if down * down + right * right < limit:
                    dropped.append(index)
                else:
                    row, column = rows[index], columns[index]
        is_kept[dropped] = False
    return _kept(loops, is_kept)


def douglas_peucker(loops: Loops, tolerance: float) -> Loops:
    """Keep the points that a chain of chords cannot leave out (Douglas & Peucker 1973).

    A chord is split at the farthest point between its ends, the last one of equals, if that lies
    farther away than ``tolerance``.
    """
    is_kept = np.zeros(len(loops.points), np.bool_)
    is_kept[loops.starts[:-1]] = True
    is_kept[loops.starts[1:] - 1] = True
    points = loops.points.astype(np.float64)
    firsts, lasts = loops.starts[:-1], loops.starts[1:] - 1
    while True:
        has_inner = lasts - firsts > 1
        firsts, lasts = firsts[has_inner], lasts[has_inner]
        if not len(firsts):
            return _kept(loops, is_kept)
        farthest, squared = _farthest_points(points, firsts, lasts)
        is_split = squared > tolerance * tolerance
        firsts, farthest, lasts = firsts[is_split], farthest[is_split], lasts[is_split]
        is_kept[farthest] = True
        firsts, lasts = np.concatenate([firsts, farthest]), np.concatenate([farthest, lasts])


def _farthest_points(
    points: NDArray[np.float64], firsts: NDArray[np.int64], lasts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find for each chord the inner point farthest from it, and the squared distance."""
    counts = lasts - firsts - 1
    offsets = np.cumsum(counts) - counts
    inner = np.arange(counts.sum()) + np.repeat(firsts + 1 - offsets, counts)
    squared = _squared_distances(
        points[inner], np.repeat(points[firsts], counts, 0), np.repeat(points[lasts], counts, 0)
    )
    maxima = np.maximum.reduceat(squared, offsets)
    is_farthest = squared == np.repeat(maxima, counts)
    return np.maximum.reduceat(np.where(is_farthest, inner, -1), offsets), maxima


def _squared_distances(
    points: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measure (N,) squared distances of points from segments, all (N, 2).

    The fraction along the segment is rounded to float32, as in the reference: it decides which of
    several points at one distance is called the farthest.
    """
    chords, arms = ends - starts, points - starts
    along = arms[:, 0] * chords[:, 0] + arms[:, 1] * chords[:, 1]
    length = _squared_lengths(chords)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a chord's ends coincide: along is 0 there
        fraction = (along / length).astype(np.float32).astype(np.float64)
    feet = starts + fraction[:, None] * chords
    feet = np.where((along >= length)[:, None], ends, feet)
    feet = np.where((along <= 0)[:, None], starts, feet)
    return _squared_lengths(points - feet)


def _squared_lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    squared: NDArray[np.float64] = vectors[:, 0] * vectors[:, 0] + vectors[:, 1] * vectors[:, 1]
    return squared


def _kept(loops: Loops, is_kept: NDArray[np.bool_]) -> Loops:
    before = np.concatenate([[0], np.cumsum(is_kept)])
    return Loops(loops.points[is_kept], before[loops.starts])
