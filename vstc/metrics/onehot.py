"""Move a label map along optical flow with a vote of the four neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.warping import ROWS_PER_BLOCK, check_flow_fits, warp_labels


def warp_labels_by_vote(
    labels_source: NDArray[np.uint8],
    flow_target_to_source: NDArray[np.float32],
    *,
    clamp: bool = False,
    fill: int = 255,
) -> NDArray[np.uint8]:
    """Bring the labels of a source frame onto the grid of a target frame by bilinear vote.

    Equal to warping a one-hot volume bilinearly and taking its argmax, at the cost of the pixels
    whose four neighbours differ. Each neighbour of p + flow(p) votes for its id with its bilinear
    weight; "no label" is an id like any other. On a tie the label of the nearest pixel wins,
    rounding half up: it always is among the tied ones, and the result does not depend on the
    order of the classes. Pixels that leave the frame are those of ``warp_labels``; beyond the
    rim, neighbours repeat it.

    Args:
        labels_source: Ids of the source frame, (H, W).
        flow_target_to_source: Flow on the grid of the target, (H, W, 2), (x, y) in pixels.
        clamp: Move positions outside to the rim.
        fill: Id for pixels that leave the frame, or have no finite flow.

    Returns:
        Ids on the grid of the target, (H, W).
    """
    height, width = check_flow_fits(labels_source, flow_target_to_source)
    warped = warp_labels(labels_source, flow_target_to_source, clamp=clamp, fill=fill)
    bordered = np.pad(labels_source, 1, mode="edge")
    is_mixed = _mixed_cells(bordered)
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    for top in range(0, height, ROWS_PER_BLOCK):
        block = slice(top, top + ROWS_PER_BLOCK)
        x = flow_target_to_source[block, :, 0] + columns
        y = flow_target_to_source[block, :, 1] + rows[block]
        cell = _cell(y, height) * (width + 1)
        cell += _cell(x, width)
        at = np.nonzero(is_mixed.reshape(-1)[cell])
        x, y = x[at], y[at]
        if clamp:
            # An infinite flow points nowhere; it stays as it is and is dropped below.
            x = np.where(np.isfinite(x), np.clip(x, 0, width - 1), x)
            y = np.where(np.isfinite(y), np.clip(y, 0, height - 1), y)
        inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
        at = (at[0][inside] + top, at[1][inside])
        warped[at] = _vote(bordered, x[inside], y[inside])
    return warped


def _mixed_cells(bordered: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which cells of four neighbouring pixels hold more than one id, by their top left."""
    first = bordered[:-1, :-1]
    mixed: NDArray[np.bool_] = (first != bordered[:-1, 1:]) | (first != bordered[1:, :-1])
    mixed |= first != bordered[1:, 1:]
    return mixed


def _cell(position: NDArray[np.float32], size: int) -> NDArray[np.int32]:
    """Return the index of the bordered pixel left of (above) a position, kept in range."""
    left = np.floor(position)
    left += 1
    np.fmin(left, size, out=left)
    np.fmax(left, 0, out=left)
    return left.astype(np.int32)


def _vote(
    bordered: NDArray[np.uint8], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return the winning id at positions within half a pixel of the frame, (N,)."""
    left, top = np.floor(x), np.floor(y)
    a, b = (x - left).astype(np.float64), (y - top).astype(np.float64)
    column, row = left.astype(np.int32) + 1, top.astype(np.int32) + 1
    # In order: top left, top right, bottom left, bottom right.
    ids = np.stack([bordered[row + i, column + j] for i in (0, 1) for j in (0, 1)])
    weights = np.stack([(1 - b) * (1 - a), (1 - b) * a, b * (1 - a), b * a])
    votes = np.stack([(weights * (ids == ids[i])).sum(axis=0) for i in range(4)])
    nearest = 2 * (b >= 0.5) + (a >= 0.5)
    best = np.argmax(votes, axis=0)
    points = np.arange(len(x))
    wins = votes[nearest, points] >= votes[best, points]
    winner: NDArray[np.uint8] = ids[np.where(wins, nearest, best), points]
    return winner
