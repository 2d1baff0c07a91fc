"""Move a label map along optical flow; ids are copied, never mixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROWS_PER_BLOCK = 32  # the temporaries of a block stay in the processor's cache


def warp_labels_next_to_prev(
    labels_next: NDArray[np.uint8],
    flow_prev_to_next: NDArray[np.float32],
    *,
    fill: int = 255,
) -> NDArray[np.uint8]:
    """Bring the labels of the next frame onto the grid of the previous one.

    See ``warp_labels``; what leaves the frame becomes ``fill``.

    Args:
        labels_next: Ids of the next frame, (H, W).
        flow_prev_to_next: Flow on the grid of the previous frame, (H, W, 2), (x, y) in pixels:
            sampling the next frame at grid + flow gives the previous one.
        fill: Id for pixels that leave the frame.

    Returns:
        Ids on the grid of the previous frame, (H, W).
    """
    return warp_labels(labels_next, flow_prev_to_next, fill=fill)


def warp_labels(
    labels_source: NDArray[np.uint8],
    flow_target_to_source: NDArray[np.float32],
    *,
    clamp: bool = False,
    fill: int = 255,
) -> NDArray[np.uint8]:
    """Bring the labels of a source frame onto the grid of a target frame.

    Pixel p of the result is the source's label at floor(p + flow(p) + 0.5), rounding half up.
    Where that lies outside the frame, or the flow is not finite, stands ``fill``. The sum is
    made in float32, exact for flow in steps of 1/64 px on sides below 2^17 px.

    Args:
        labels_source: Ids of the source frame, (H, W).
        flow_target_to_source: Flow on the grid of the target, (H, W, 2), (x, y) in pixels:
            sampling the source at grid + flow gives the target.
        clamp: Take the label of the rim for pixels that leave the frame.
        fill: Id for pixels that leave the frame, or have no finite flow.

    Returns:
        Ids on the grid of the target, (H, W).
    """
    height, width = check_flow_fits(labels_source, flow_target_to_source)
    # A border of `fill` takes all targets outside, so that no mask is needed.
    bordered = np.full((height + 2, width + 2), fill, np.uint8)
    bordered[1:-1, 1:-1] = labels_source
    source = bordered.reshape(-1)
    warped = np.empty((height, width), np.uint8)
    columns = np.arange(width, dtype=np.float32) + np.float32(1.5)
    rows = np.arange(height, dtype=np.float32)[:, None] + np.float32(1.5)
    rim = 1 if clamp else 0
    for top in range(0, height, ROWS_PER_BLOCK):
        block = slice(top, top + ROWS_PER_BLOCK)
        flow = flow_target_to_source[block]
        place = _bordered_index(flow[:, :, 1] + rows[block], height, rim)
        place *= width + 2
        place += _bordered_index(flow[:, :, 0] + columns, width, rim)
        if clamp:
            place[~np.isfinite(flow).all(axis=2)] = 0
        np.take(source, place, out=warped[block], mode="clip")
    return warped


def check_flow_fits(labels: NDArray[np.uint8], flow: NDArray[np.float32]) -> tuple[int, int]:
    """Return height and width of a label map that a flow is to move.

    Raises:
        ValueError: The flow has another size, or the map is beyond 2^31 pixels.
    """
    height, width = labels.shape
    if flow.shape != (height, width, 2):
        raise ValueError(f"flow of shape {flow.shape} does not fit labels {labels.shape}")
    if (height + 2) * (width + 2) > np.iinfo(np.int32).max:
        raise ValueError(f"label maps of {height} x {width} pixels are not supported")
    return height, width


def _bordered_index(position: NDArray[np.float32], size: int, rim: int) -> NDArray[np.int32]:
    """Round down to an index of a bordered side; all that is outside, and nan, to its ends.

    The ends are the border itself, or with ``rim`` 1 the first and last pixel within it.
    """
    np.floor(position, out=position)
    np.fmin(position, size + 1 - rim, out=position)
    np.fmax(position, rim, out=position)
    return position.astype(np.int32)
