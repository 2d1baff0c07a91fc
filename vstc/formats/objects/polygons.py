"""Polygons of COCO files as masks, pixel for pixel as COCO's own mask interface draws them.

A polygon is a list ``x0, y0, x1, y1, ...`` in pixels. Its outline is traced on a grid five times
as fine; where the trace steps from one fine column into the next, in the middle of a column of
pixels, the mask changes between background and object from the next pixel centre downwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.objects.rle import Counts, Rle

_FINE = 5  # fine columns and rows in a pixel
_MIDDLE = _FINE // 2
_MIN_NUMBERS = 6
_MAX_COORDINATE = 1e6

Ints = NDArray[np.int64]


def polygons_to_rle(
    polygons: Sequence[Sequence[float]], *, height: int, width: int, where: str
) -> Rle:
    """Draw the polygons of an object; a pixel is set that lies in any of them.

    Args:
        polygons: At least one; each is ``x0, y0, x1, y1, ...`` with three points or more.
        height: Rows of the mask.
        width: Columns of the mask.
        where: File and place, for errors.

    Raises:
        InputError: Not polygons.
    """
    check_polygons(polygons, where=where)
    drawn = [_draw(_points(polygon, where), height=height, width=width) for polygon in polygons]
    return _union(drawn, height=height, width=width)


def check_polygons(value: Sequence[Any], *, where: str) -> None:
    """Refuse what ``polygons_to_rle`` would refuse, without drawing.

    Raises:
        InputError: Not polygons.
    """
    if not value:
        raise InputError(f"{where} is an empty list of polygons")
    for index, polygon in enumerate(value):
        _points(polygon, f"{where}[{index}]")


def _points(polygon: Any, where: str) -> NDArray[np.float64]:
    try:
        numbers = np.array(polygon, np.float64)
    except (ValueError, TypeError):
        numbers = np.zeros(0)
    if numbers.ndim != 1 or len(numbers) < _MIN_NUMBERS or len(numbers) % 2:
        raise InputError(
            f"{where} is no polygon", hint="it is x0, y0, x1, y1, ... with three points or more"
        )
    if not (np.abs(numbers) <= _MAX_COORDINATE).all():
        raise InputError(f"{where} has a coordinate that is no number of pixels")
    return numbers.reshape(-1, 2)


def _draw(points: NDArray[np.float64], *, height: int, width: int) -> Counts:
    """Return the run lengths of one polygon, given as (N, 2) x and y."""
    fine = (points * _FINE + 0.5).astype(np.int64)  # towards zero, as a cast in C
    traced = [
        _trace(start, end) for start, end in zip(fine, np.roll(fine, -1, axis=0), strict=True)
    ]
    columns, rows = np.concatenate(traced, axis=1)
    changes = _crossings(columns, rows, height=height, width=width)
    places, counts = np.unique(changes, return_counts=True)
    places = places[(counts % 2 == 1) & (places < height * width)]
    return np.diff(np.concatenate([[0], places, [height * width]]))


def _trace(start: Ints, end: Ints) -> Ints:
    """Return the fine points from one corner to the next, (2, N) columns and rows.

    The coordinate that changes more takes every value; the other is rounded.
    """
    span = np.abs(end - start)
    major = 0 if span[0] >= span[1] else 1
    first, last = (start, end) if start[major] <= end[major] else (end, start)
    steps = np.arange(span[major] + 1)
    slope = (last[1 - major] - first[1 - major]) / max(int(span[major]), 1)
    line = np.empty((2, len(steps)), np.int64)
    line[major] = first[major] + steps
    line[1 - major] = (first[1 - major] + slope * steps + 0.5).astype(np.int64)
    return line if first is start else line[:, ::-1]


def _crossings(columns: Ints, rows: Ints, *, height: int, width: int) -> Ints:
    """Return the pixels, counted column by column, at which the mask changes."""
    left = np.minimum(columns[1:], columns[:-1])
    is_middle = (columns[1:] != columns[:-1]) & (left % _FINE == _MIDDLE)
    pixel_columns = (left - _MIDDLE) // _FINE
    is_middle &= (pixel_columns >= 0) & (pixel_columns < width)
    upper = np.minimum(rows[1:], rows[:-1])[is_middle]
    below = np.ceil(np.clip((upper + 0.5) / _FINE - 0.5, 0, height)).astype(np.int64)
    changes: Ints = pixel_columns[is_middle] * height + below
    return changes


def _union(parts: Iterable[Counts], *, height: int, width: int) -> Rle:
    """Join masks of one size: a pixel is set that any of them sets."""
    starts, ends = [], []
    for counts in parts:
        bounds = np.cumsum(counts)
        ends.append(bounds[1::2])
        starts.append(bounds[0::2][: len(ends[-1])])
    places = np.concatenate([*starts, *ends])
    steps = np.repeat([1, -1], [sum(map(len, starts)), sum(map(len, ends))])
    order = np.lexsort([-steps, places])  # a run that begins where one ends goes on with it
    depth = np.cumsum(steps[order])
    is_change = (depth == 0) | ((depth == 1) & (steps[order] == 1))
    changes = places[order][is_change]
    changes = changes[changes < height * width]
    return Rle(height, width, np.diff(np.concatenate([[0], changes, [height * width]])))
