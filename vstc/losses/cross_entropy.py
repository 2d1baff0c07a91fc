"""Cross entropy with auxiliary heads, optional class weights and hard example mining.

Shapes: B batch, C classes, h x w the grid of the logits, H x W the grid of the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vstc.losses.parts import sum_of_parts
from vstc.losses.precision import full_precision

CITYSCAPES_WEIGHTS = (
    0.8373, 0.918, 0.866, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023,
    0.9539, 0.9843, 1.1116, 0.9037, 1.0865, 1.0955, 1.0865, 1.1529, 1.0507,
)  # fmt: skip
"""Class weights of the code released with Liu et al. 2020, in the order of the 19 train ids."""


@dataclass(frozen=True)
class Ohem:
    """Online hard example mining: train on the pixels whose true class is least probable.

    Args:
        threshold: Pixels with a true-class probability up to this are hard.
        min_kept: At least so many pixels of the batch are kept, the hardest first.
    """

    threshold: float = 0.7
    min_kept: int = 100_000


def upsample(logits_BChw: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize logits bilinearly with corners on corners, as the networks are trained."""
    if tuple(logits_BChw.shape[-2:]) == size:
        return logits_BChw
    return F.interpolate(logits_BChw, size=size, mode="bilinear", align_corners=True)


def labels_on_grid(labels_BHW: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Pick the labels of the pixels that lie nearest to the cells of a grid, corners on corners.

    Where the cells lie on pixels (sides of s n + 1 pixels and n + 1 cells), those are the labels
    of exactly these pixels; `F.interpolate` in its mode `nearest` is up to s pixels off.

    Args:
        labels_BHW: Class ids.
        size: Height and width of the grid.

    Returns:
        Class ids (B, *size).
    """
    for dim, length in zip((-2, -1), size, strict=True):
        full = labels_BHW.shape[dim]
        if full != length:
            cells = torch.linspace(0, full - 1, length, device=labels_BHW.device).round().long()
            labels_BHW = labels_BHW.index_select(dim, cells)
    return labels_BHW


@torch.no_grad()
def mark_easy_pixels(
    logits_BChw: torch.Tensor, labels_BHW: torch.Tensor, *, ohem: Ohem, ignore_index: int = 255
) -> torch.Tensor:
    """Return the labels with every easy pixel set to `ignore_index`.

    A pixel is kept if its true-class probability is at most max(threshold, p_k), where p_k is the
    `min_kept`-th smallest of the batch; with fewer valid pixels than that, all are kept. This is
    the rule of the released OHEM classes, on the device and without leaving it.
    """
    size = (labels_BHW.shape[-2], labels_BHW.shape[-1])
    probabilities = []
    for logits_Chw, labels_HW in zip(logits_BChw, labels_BHW.long(), strict=True):
        # An invalid pixel counts as easier than any real one: 2 > 1.
        valid = labels_HW != ignore_index
        chosen = torch.where(valid, labels_HW, 0)[None, None]
        full = upsample(logits_Chw[None], size).softmax(dim=1)
        probabilities.append(full.gather(1, chosen)[0, 0].masked_fill(~valid, 2.0))
    probability_BHW = torch.stack(probabilities)
    limit = probability_BHW.new_tensor(ohem.threshold)
    if ohem.min_kept > 0:
        rank = min(ohem.min_kept, probability_BHW.numel())
        limit = torch.maximum(limit, probability_BHW.flatten().kthvalue(rank).values)
    return labels_BHW.masked_fill(probability_BHW > limit, ignore_index)


def cross_entropy(
    logits_BChw: torch.Tensor,
    labels_BHW: torch.Tensor,
    *,
    ignore_index: int = 255,
    class_weights: torch.Tensor | Sequence[float] | None = None,
    ohem: Ohem | None = None,
) -> torch.Tensor:
    """Mean cross entropy of upsampled logits; 0 where a batch has no valid pixel.

    The logits are upsampled image by image, so the full-resolution tensors exist once, not B times.

    Args:
        logits_BChw: Logits at any stride.
        labels_BHW: Class ids.
        ignore_index: Label of pixels without a class.
        class_weights: C factors; the mean is then weighted.
        ohem: Keep hard pixels only.

    Returns:
        A scalar: the (weighted) mean over valid pixels of the batch.
    """
    if ohem is not None:
        labels_BHW = mark_easy_pixels(
            logits_BChw.detach(), labels_BHW, ohem=ohem, ignore_index=ignore_index
        )
    size = (labels_BHW.shape[-2], labels_BHW.shape[-1])
    valid_BHW = labels_BHW != ignore_index
    weights: torch.Tensor | None = None
    if class_weights is None:
        normaliser = valid_BHW.sum().to(logits_BChw.dtype)
    else:
        weights = torch.as_tensor(class_weights, dtype=logits_BChw.dtype, device=logits_BChw.device)
        normaliser = (weights[torch.where(valid_BHW, labels_BHW, 0).long()] * valid_BHW).sum()

    def image_sum(index: int, logits: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(
            upsample(logits[index : index + 1], size),
            labels_BHW[index : index + 1].long(),
            weight=weights,
            ignore_index=ignore_index,
            reduction="sum",
        )

    total = sum_of_parts(image_sum, logits_BChw.shape[0], logits_BChw)
    return total / torch.where(normaliser > 0, normaliser, 1)


@full_precision
def segmentation_loss(
    logits_BChw: torch.Tensor,
    aux_logits: Sequence[torch.Tensor],
    labels_BHW: torch.Tensor,
    *,
    aux_weights: Sequence[float] = (0.4,),
    on_own_grid: bool = False,
    ignore_index: int = 255,
    class_weights: torch.Tensor | Sequence[float] | None = None,
    ohem: Ohem | None = None,
) -> torch.Tensor:
    """Cross entropy of the main head plus weighted ones of the auxiliary heads.

    As in the released code of Liu et al. 2020, hard example mining concerns the main head only.

    Args:
        logits_BChw: Logits of the main head.
        aux_logits: Logits (B, C, h', w') of each auxiliary head; may be empty.
        labels_BHW: Class ids.
        aux_weights: Factor of each auxiliary term.
        on_own_grid: Compare the logits of each head with `labels_on_grid` (ICNet); else enlarge
            the logits to the labels (PSPNet).
        ignore_index: Label of pixels without a class.
        class_weights: C factors such as `CITYSCAPES_WEIGHTS`.
        ohem: Hard example mining.

    Returns:
        A scalar.
    """

    def one_head(logits: torch.Tensor, ohem: Ohem | None) -> torch.Tensor:
        labels = labels_BHW
        if on_own_grid:
            labels = labels_on_grid(labels_BHW, (logits.shape[-2], logits.shape[-1]))
        return cross_entropy(
            logits, labels, ignore_index=ignore_index, class_weights=class_weights, ohem=ohem
        )

    total = one_head(logits_BChw, ohem)
    if aux_logits:
        for logits, weight in zip(aux_logits, aux_weights, strict=True):
            total = total + weight * one_head(logits, None)
    return total
