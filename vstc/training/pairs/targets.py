"""What results are compared with: the ids of some pixels, true ones or the network's own.

Shapes: B samples, K classes, H x W the crop, h x w a network's map, p x q the pixels compared.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from vstc.models.grids import Grid, resample
from vstc.training.pairs.samples import PairBatch

VOID = 255


def every_nth_pixel(size: tuple[int, int], step: int) -> Grid:
    """Return the grid of every n-th pixel of an image, from the n / 2-th on."""
    first = step // 2 if min(size) > step // 2 else 0
    cells = tuple((side - first - 1) // step + 1 for side in size)
    return Grid((cells[0], cells[1]), (float(step), float(step)), (float(first), float(first)))


@torch.no_grad()
def labels_at(
    batch: PairBatch,
    pixels: Grid,
    *,
    network: Callable[[torch.Tensor], torch.Tensor],
    min_confidence: float,
) -> torch.Tensor:
    """Return the ids at some pixels, the network's own where a sample has none.

    Args:
        batch: Labels and frames.
        pixels: As ``every_nth_pixel`` of the crop.
        network: Gives the logits (B, K, h, w) of images (B, 3, H, W), corners on corners.
        min_confidence: Its own label of a pixel counts from this probability on.

    Returns:
        (B, p, q), 255 for void.
    """
    first, step = int(pixels.offset[0]), int(pixels.step[0])
    labels = batch.labels_BHW[:, first::step, first::step].clone()
    if not batch.own_rows:
        return labels
    images = batch.current_B3HW[batch.own_rows]
    found = network(images).float()
    corners = Grid.on_corners(
        (found.shape[-2], found.shape[-1]), (images.shape[-2], images.shape[-1])
    )
    confidence, ids = resample(found, corners, pixels).softmax(dim=1).max(dim=1)
    is_void = (labels[batch.own_rows] == VOID) | (confidence < min_confidence)
    labels[batch.own_rows] = ids.to(labels.dtype).masked_fill(is_void, VOID)
    return labels
