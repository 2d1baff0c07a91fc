"""Move masks along optical flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vstc.formats.objects.runs import NO_RUNS, Runs, runs_by_id
from vstc.metrics.warping import warp_labels

_IDS_PER_MAP = 255


def move_prev_to_next(masks: Sequence[Runs], flow_next_to_prev: NDArray[np.float32]) -> list[Runs]:
    """Bring masks of the previous frame onto the grid of the next one, by nearest pixel.

    Masks that do not overlap move together, as the ids of one map.

    Args:
        masks: Set pixels of the masks, counted column by column.
        flow_next_to_prev: Flow on the grid of the next frame, (H, W, 2), (x, y) in pixels:
            sampling the previous frame at grid + flow gives the next one.

    Returns:
        The moved masks in the same order; empty where a mask has left the frame.
    """
    height, width = flow_next_to_prev.shape[:2]
    moved = [NO_RUNS] * len(masks)
    for places, ids in _disjoint(masks, pixels=height * width):
        label_map = ids.reshape(width, height).T
        found = runs_by_id(warp_labels(label_map, flow_next_to_prev, fill=0))
        for number, runs in found.items():
            moved[places[number - 1]] = runs
    return moved


def _disjoint(
    masks: Sequence[Runs], *, pixels: int
) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    """Paint masks into as few maps as a first fit finds, ids 1, 2, ... in each.

    Yields:
        The places of the masks of ids 1, 2, ..., and the map, (pixels,) column by column.
    """
    waiting = list(range(len(masks)))
    while waiting:
        ids = np.zeros(pixels, np.uint8)
        taken: list[int] = []
        left: list[int] = []
        for place in waiting:
            runs = masks[place]
            if len(taken) < _IDS_PER_MAP and _paint(ids, runs, len(taken) + 1):
                taken.append(place)
            else:
                left.append(place)
        yield taken, ids
        waiting = left


def _paint(ids: NDArray[np.uint8], runs: Runs, number: int) -> bool:
    """Paint a mask where nothing is painted yet; tell whether that was so."""
    if not len(runs):
        return True
    start, end = int(runs[0, 0]), int(runs[-1, 1])
    steps = np.zeros(end - start + 1, np.int8)
    steps[runs[:, 0] - start] = 1
    steps[runs[:, 1] - start] -= 1
    is_set = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)
    span = ids[start:end]
    if span[is_set].any():
        return False
    span[is_set] = number
    return True
