"""Runs: where a mask is, as half-open ranges of its pixels counted column by column.

Runs are (N, 2) int64, each row ``start, end`` with ``start < end``, sorted, none overlapping.
A mask that lasts several frames is one such list too: frame t starts at ``t * height * width``.
Areas and overlaps follow from the ends alone; no pixel is touched.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Runs = NDArray[np.int64]
NO_RUNS: Runs = np.zeros((0, 2), np.int64)


def change_points(column_major: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return where a flat array starts a new value, without 0, then its length."""
    changes = np.flatnonzero(column_major[1:] != column_major[:-1])
    points = np.empty(len(changes) + 1, np.int64)
    np.add(changes, 1, out=points[:-1])
    points[-1] = len(column_major)
    return points


def column_major(image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the pixels of an (H, W) image column by column, flat."""
    return np.ascontiguousarray(image.T).reshape(-1)


def runs_by_id(ids: NDArray[np.uint8] | NDArray[np.uint32]) -> dict[int, Runs]:
    """Find the runs of every non-zero id of an (H, W) map, in the order of the ids."""
    flat = column_major(ids)
    ends = change_points(flat)
    starts = np.concatenate([[0], ends[:-1]])
    values = flat[starts]
    found: dict[int, Runs] = {}
    for value in np.unique(values).tolist():
        if value:
            mine = values == value
            found[value] = np.stack([starts[mine], ends[mine]], axis=1)
    return found


def join_frames(frames: Iterable[tuple[int, Runs]], pixels_per_frame: int) -> Runs:
    """Put the runs of single frames one after the other.

    Args:
        frames: Place of the frame in the video and its runs, in time order.
        pixels_per_frame: Height times width.
    """
    parts = [runs + index * pixels_per_frame for index, runs in frames if len(runs)]
    return np.concatenate(parts) if parts else NO_RUNS


def num_pixels(runs: Runs) -> int:
    """Count the pixels of a mask."""
    return int((runs[:, 1] - runs[:, 0]).sum())


def shared_pixels(first: Runs, second: Runs) -> int:
    """Count the pixels that two masks have in common."""
    if len(second) > len(first):
        first, second = second, first
    if not len(second):
        return 0
    lengths = first[:, 1] - first[:, 0]
    before = np.concatenate([[0], np.cumsum(lengths)])
    return int(
        (_covered(first, before, second[:, 1]) - _covered(first, before, second[:, 0])).sum()
    )


def _covered(runs: Runs, before: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the mask's pixels before each place; ``before`` sums the lengths of whole runs."""
    begun = np.searchsorted(runs[:, 0], places, side="right")
    beyond = np.maximum(runs[begun - 1, 1] - places, 0)
    return before[begun] - np.where(begun > 0, beyond, 0)
