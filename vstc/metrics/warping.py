"""Move a label map along optical flow; ids are copied, never mixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROWS_PER_BLOCK = 32  # the temporaries of a block stay in the processor's cache


def warp_labels_next_to_prev(
    labels_next: NDArray[np.uint8],
    flow_prev_to_next: NDArray[np.float32],
    *,
    fill: int = 255,
) -> NDArray[np.uint8]:
    """Bring the labels of the next frame onto the grid of the previous one.

    Pixel p of the result is the next frame's label at floor(p + flow(p) + 0.5), rounding half
    up. Where that lies outside the frame, or the flow is not finite, stands ``fill``. The sum
    is made in float32, exact for flow in steps of 1/64 px on sides below 2^17 px.

    Args:
        labels_next: Ids of the next frame, (H, W).
        flow_prev_to_next: Flow on the grid of the previous frame, (H, W, 2), (x, y) in pixels:
            sampling the next frame at grid + flow gives the previous one.
        fill: Id for pixels that leave the frame.

    Returns:
        Ids on the grid of the previous frame, (H, W).
    """
    height, width = labels_next.shape
    if flow_prev_to_next.shape != (height, width, 2):
        raise ValueError(
            f"flow of shape {flow_prev_to_next.shape} does not fit labels {labels_next.shape}"
        )
    if (height + 2) * (width + 2) > np.iinfo(np.int32).max:
        raise ValueError(f"label maps of {height} x {width} pixels are not supported")
    # A border of `fill` takes all targets outside, so that no mask is needed.
    bordered = np.full((height + 2, width + 2), fill, np.uint8)
    bordered[1:-1, 1:-1] = labels_next
    source = bordered.reshape(-1)
    warped = np.empty((height, width), np.uint8)
    columns = np.arange(width, dtype=np.float32) + np.float32(1.5)
    rows = np.arange(height, dtype=np.float32)[:, None] + np.float32(1.5)
    for top in range(0, height, _ROWS_PER_BLOCK):
        block = slice(top, top + _ROWS_PER_BLOCK)
        place = _bordered_index(flow_prev_to_next[block, :, 1] + rows[block], height)
        place *= width + 2
        place += _bordered_index(flow_prev_to_next[block, :, 0] + columns, width)
        np.take(source, place, out=warped[block], mode="clip")
    return warped


def _bordered_index(position: NDArray[np.float32], size: int) -> NDArray[np.int32]:
    """Round down to an index of a bordered side; all that is outside, and nan, to its border."""
    np.floor(position, out=position)
    np.fmin(position, size + 1, out=position)
    np.fmax(position, 0, out=position)
    return position.astype(np.int32)
