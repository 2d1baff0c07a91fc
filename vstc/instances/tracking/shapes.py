"""Where masks lie and how much they overlap, from their runs alone: no pixel is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.formats.objects.rle import Rle
from vstc.formats.objects.runs import Runs, num_pixels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_RUNS_AT_ONCE = 1 << 18  # bounds the memory of hundreds of masks that all overlap


@dataclass(frozen=True, eq=False)
class MaskShape:
    """What matching needs to know of a mask.

    Attributes:
        runs: Its set pixels, column by column; at least one.
        area: How many they are.
        center: Their mean, (x, y) in pixels.
        box: Columns and rows that they span, (left, top, right, bottom), ends not included.
    """

    runs: Runs
    area: int
    center: tuple[float, float]
    box: tuple[int, int, int, int]


def shape_of_mask(rle: Rle) -> MaskShape | None:
    """Measure a mask; None when no pixel of it is set."""
    return shape_of_runs(rle.runs(), height=rle.height)


def shape_of_runs(runs: Runs, *, height: int) -> MaskShape | None:
    """Measure the mask of some runs; None when there are none.

    Args:
        runs: Set pixels, counted column by column.
        height: Rows of the frame.
    """
    if not len(runs):
        return None
    area = num_pixels(runs)
    starts, ends = runs[:, 0], runs[:, 1]
    sum_places = int(((starts + ends - 1) * (ends - starts)).sum()) // 2
    sum_x = int((_columns_before(ends, height) - _columns_before(starts, height)).sum())
    sum_y = sum_places - height * sum_x  # a place is x * height + y
    first_columns, last_columns = starts // height, (ends - 1) // height
    top, bottom = int((starts % height).min()), int(((ends - 1) % height).max()) + 1
    if (first_columns != last_columns).any():  # a run goes on at the top of the next column
        top, bottom = 0, height
    box = (int(first_columns[0]), top, int(last_columns[-1]) + 1, bottom)
    return MaskShape(runs, area, (sum_x / area, sum_y / area), box)


def overlap_table(
    first: Sequence[MaskShape], second: Sequence[MaskShape], *, pixels: int
) -> Floats:
    """Compute the intersection over union of all pairs of two sets of masks.

    Args:
        first: K masks.
        second: N masks of the same frame size.
        pixels: Height times width.

    Returns:
        (K, N), 0 to 1.
    """
    table = np.zeros((len(first), len(second)))
    if not (len(first) and len(second)):
        return table
    rows, columns = np.nonzero(_boxes_meet(first, second))
    if not len(rows):
        return table
    shared = _shared_pixels(first, second, rows, columns, pixels)
    areas = np.array([shape.area for shape in first])[rows]
    other_areas = np.array([shape.area for shape in second])[columns]
    table[rows, columns] = shared / (areas + other_areas - shared)
    return table


def location_table(first: Sequence[MaskShape], second: Sequence[MaskShape]) -> Floats:
    """Compute how near the centres of two sets of masks are, for their size.

    A pair has ``exp(-2 d^2)``, d being the distance of the centres divided by the square root of
    the geometric mean of the areas.

    Args:
        first: K masks.
        second: N masks.

    Returns:
        (K, N), 0 to 1.
    """
    centers = np.array([shape.center for shape in first]).reshape(-1, 1, 2)
    others = np.array([shape.center for shape in second]).reshape(1, -1, 2)
    sides = np.sqrt(np.array([shape.area for shape in first], np.float64))
    other_sides = np.sqrt(np.array([shape.area for shape in second], np.float64))
    squared = np.square(centers - others).sum(axis=2) / np.outer(sides, other_sides)
    return np.asarray(np.exp(-2 * squared))


def _columns_before(places: Ints, height: int) -> Ints:
    """Sum the columns of all pixels before each place."""
    columns, rows = places // height, places % height
    return height * (columns * (columns - 1) // 2) + rows * columns


def _boxes_meet(first: Sequence[MaskShape], second: Sequence[MaskShape]) -> NDArray[np.bool_]:
    boxes = np.array([shape.box for shape in first])[:, None]
    others = np.array([shape.box for shape in second])[None]
    starts = np.maximum(boxes[..., :2], others[..., :2])
    ends = np.minimum(boxes[..., 2:], others[..., 2:])
    return np.asarray((starts < ends).all(axis=2))


def _shared_pixels(
    first: Sequence[MaskShape],
    second: Sequence[MaskShape],
    rows: Ints,
    columns: Ints,
    pixels: int,
) -> Ints:
    """Count the common pixels of the pairs ``rows[i], columns[i]``.

    All masks of the second set are laid one after the other, so that one search finds, for the
    ends of all runs of all pairs, how many set pixels come before.
    """
    used, places = np.unique(columns, return_inverse=True)
    laid = np.concatenate([second[n].runs + place * pixels for place, n in enumerate(used)])
    before = np.concatenate([[0], np.cumsum(laid[:, 1] - laid[:, 0])])
    shared = np.empty(len(rows), np.int64)
    for part in _parts([len(first[k].runs) for k in rows]):
        asked = [first[k].runs + n * pixels for k, n in zip(rows[part], places[part], strict=True)]
        begins = np.cumsum([0] + [len(runs) for runs in asked[:-1]])
        joined = np.concatenate(asked)
        inside = _set_before(laid, before, joined[:, 1]) - _set_before(laid, before, joined[:, 0])
        shared[part] = np.add.reduceat(inside, begins)
    return shared


def _parts(lengths: Sequence[int]) -> Iterator[slice]:
    """Cut a list into slices of at most so many runs, or of one mask."""
    start = total = 0
    for place, length in enumerate(lengths):
        if total and total + length > _RUNS_AT_ONCE:
            yield slice(start, place)
            start, total = place, 0
        total += length
    if total:
        yield slice(start, len(lengths))


def _set_before(laid: Runs, before: Ints, places: Ints) -> Ints:
    """Count the set pixels before each place; ``before`` sums the lengths of whole runs."""
    begun = np.searchsorted(laid[:, 0], places, side="right")
    beyond = np.maximum(laid[begun - 1, 1] - places, 0)
    return before[begun] - np.where(begun > 0, beyond, 0)
