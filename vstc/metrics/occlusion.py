"""Find hidden pixels by comparing the flow there with the flow back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.warping import ROWS_PER_BLOCK

Flow = NDArray[np.float32]
Plane = NDArray[np.float32]


def visible_by_flow(flow_target_to_source: Flow, flow_source_to_target: Flow) -> NDArray[np.bool_]:
    """Tell which pixels of the target are seen in the source too (Lai et al. 2018).

    With F the flow there and B the flow back, read bilinearly at p + F(p) with positions clamped
    to the frame, a pixel is hidden if |F + B|^2 > 0.01 (|F|^2 + |B|^2) + 0.5, or lies on a motion
    boundary: |grad u|^2 + |grad v|^2 > 0.01 |F|^2 + 0.002, gradients by forward differences that
    are 0 in the last row and column. A pixel without finite flow is hidden.

    Args:
        flow_target_to_source: (H, W, 2) on the grid of the target, (x, y) in pixels.
        flow_source_to_target: (H, W, 2) on the grid of the source.

    Returns:
        (H, W) bool.
    """
    there, back = flow_target_to_source, flow_source_to_target
    if there.shape != back.shape or there.shape[2:] != (2,):
        raise ValueError(f"flows must be (H, W, 2) alike, found {there.shape} and {back.shape}")
    height, width = there.shape[:2]
    is_visible = np.empty((height, width), np.bool_)
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    for top in range(0, height, ROWS_PER_BLOCK):
        block = slice(top, top + ROWS_PER_BLOCK)
        u, v = _planes(there[block])
        back_u, back_v = _read_bilinear(back, u + columns, v + rows[block])
        length = u * u + v * v
        allowed = 0.01 * (length + back_u * back_u + back_v * back_v) + 0.5
        # Written so that a comparison with nan says hidden.
        comes_back = (u + back_u) ** 2 + (v + back_v) ** 2 <= allowed
        is_smooth = _squared_gradient(there, top, u.shape[0]) <= 0.01 * length + 0.002
        is_visible[block] = comes_back & is_smooth
    return is_visible


def _squared_gradient(flow: Flow, top: int, num_rows: int) -> Plane:
    """Return |grad u|^2 + |grad v|^2 of some rows."""
    part = flow[top : top + num_rows + 1]
    total = np.zeros((num_rows, part.shape[1]), np.float32)
    for plane in _planes(part):
        down = plane[1:] - plane[:-1]
        total[: len(down)] += down * down
        right = plane[:num_rows, 1:] - plane[:num_rows, :-1]
        total[:, :-1] += right * right
    return total


def _read_bilinear(flow: Flow, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """Read both components at positions clamped to the frame."""
    height, width = flow.shape[:2]
    left, right, a = _neighbours(x, width)
    upper, lower, b = _neighbours(y, height)
    pixels = flow.reshape(-1, 2)
    total = np.zeros((*x.shape, 2), np.float32)
    for row, weight_y in ((upper * width, 1 - b), (lower * width, b)):
        for column, weight_x in ((left, 1 - a), (right, a)):
            total += pixels[row + column] * (weight_x * weight_y)[:, :, None]
    return _planes(total)


def _neighbours(position: Plane, size: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Plane]:
    """Return both neighbours of clamped positions and the weight of the second; nan counts as 0."""
    inside = np.fmax(np.fmin(position, np.float32(size - 1)), np.float32(0))
    first = np.floor(inside)
    index = first.astype(np.int32)
    return index, np.minimum(index + 1, size - 1), inside - first


def _planes(flow: Flow) -> tuple[Plane, Plane]:
    return np.ascontiguousarray(flow[:, :, 0]), np.ascontiguousarray(flow[:, :, 1])
