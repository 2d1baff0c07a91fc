"""Move a label map along optical flow; ids are copied, never mixed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_ROWS_PER_BLOCK = 32  # the temporaries of a block stay in the processor's cache
_SIDE_LIMIT = 32767  # coordinates are int16
_NO_FRACTIONS = np.empty(0, np.int16)


def warp_labels_next_to_prev(
    labels_next: NDArray[np.uint8],
    flow_prev_to_next: NDArray[np.float32],
    *,
    fill: int = 255,
) -> NDArray[np.uint8]:
    """Bring the labels of the next frame onto the grid of the previous one.

    Pixel p of the result is the next frame's label at floor(p + flow(p) + 0.5), rounding half
    up. Where that lies outside the frame, or the flow is not finite, stands ``fill``. The sum
    is made in float32, exact for flow in steps of 1/64 px on sides up to 32767 px.

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
    if max(height, width) > _SIDE_LIMIT:
        raise ValueError(f"label maps above {_SIDE_LIMIT} px a side are not supported")
    source = np.ascontiguousarray(labels_next)
    warped = np.empty_like(source)
    centres = np.empty((_ROWS_PER_BLOCK, width, 2), np.float32)
    centres[..., 0] = np.arange(width, dtype=np.float32) + np.float32(0.5)
    for top in range(0, height, _ROWS_PER_BLOCK):
        bottom = min(top + _ROWS_PER_BLOCK, height)
        rows = np.arange(top, bottom, dtype=np.float32) + np.float32(0.5)
        centres[: bottom - top, :, 1] = rows[:, None]
        target = flow_prev_to_next[top:bottom] + centres[: bottom - top]
        np.floor(target, out=target)
        np.fmin(target, _SIDE_LIMIT, out=target)  # fmin also sends nan outside
        np.fmax(target, -1, out=target)
        # An int16 map makes remap a pure gather; its float maps round half to even.
        cv2.remap(
            source,
            target.astype(np.int16),
            _NO_FRACTIONS,
            cv2.INTER_NEAREST,
            dst=warped[top:bottom],
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        )
    return warped
