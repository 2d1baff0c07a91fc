"""Temporal loss: along the flow, neighbouring frames should get the same prediction.

Shapes: B batch, C classes, h x w the grid of the logits, H x W the grid of flow and images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

from vstc.errors import unknown_name
from vstc.flow.warp import (
    flow_positions,
    grid_stride,
    sample_at_positions,
    sample_logits_on_grid,
)
from vstc.losses.cross_entropy import upsample
from vstc.losses.parts import sum_of_parts
from vstc.losses.photometric import pair_weights
from vstc.losses.precision import full_precision

TemporalForm = Literal["kl", "l2", "logit-mse"]
TemporalMask = Literal["l1", "etc", "fb", "none"]
BorderRule = Literal["ignore", "clamp"]


def _kl(anchor_BCPQ: torch.Tensor, warped_BCPQ: torch.Tensor) -> torch.Tensor:
    """KL(q_t || q_warped) of each pixel (Liu et al. 2022, Eq. 3)."""
    log_anchor, log_warped = anchor_BCPQ.log_softmax(dim=1), warped_BCPQ.log_softmax(dim=1)
    return (log_anchor.exp() * (log_anchor - log_warped)).sum(dim=1)


def _l2(anchor_BCPQ: torch.Tensor, warped_BCPQ: torch.Tensor) -> torch.Tensor:
    """Squared distance of the probabilities, summed over classes (Liu et al. 2020, Eq. 1)."""
    return (anchor_BCPQ.softmax(dim=1) - warped_BCPQ.softmax(dim=1)).square().sum(dim=1)


def _logit_mse(anchor_BCPQ: torch.Tensor, warped_BCPQ: torch.Tensor) -> torch.Tensor:
    """Squared distance of the logits, mean over classes (code released with Liu et al. 2020)."""
    return (anchor_BCPQ - warped_BCPQ).square().mean(dim=1)


_DISTANCES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "kl": _kl,
    "l2": _l2,
    "logit-mse": _logit_mse,
}


def _sample_on_own_grid(
    logits_BChw: torch.Tensor, flow_B2HW: torch.Tensor, *, step: tuple[int, int]
) -> torch.Tensor:
    """Read logits where the flow of every step-th full-resolution pixel points."""
    position_B2hw = flow_positions(flow_B2HW)[:, :, :: step[0], :: step[1]]
    scale = position_B2hw.new_tensor([step[1], step[0]]).view(1, 2, 1, 1)
    return sample_at_positions(logits_BChw, position_B2hw / scale)


@full_precision
def temporal_loss(
    logits_t_BChw: torch.Tensor,
    logits_other_BChw: torch.Tensor,
    flow_t_to_other_B2HW: torch.Tensor,
    images_t_B3HW: torch.Tensor,
    images_other_B3HW: torch.Tensor,
    *,
    form: TemporalForm = "kl",
    mask: TemporalMask = "l1",
    border: BorderRule = "ignore",
    valid_BHW: torch.Tensor | None = None,
    flow_other_to_t_B2HW: torch.Tensor | None = None,
    stride: Literal[1, 8] = 1,
) -> torch.Tensor:
    """Compare the prediction of frame t with that of another frame, read along the flow.

    With V the mask weight of a pixel and d its distance, the loss is sum(V d) / (number of valid
    pixels); `logit-mse` weighs with V^2 because the code multiplies the logits by V before it
    squares. The papers and the code divide by all pixels, which is the same where all are valid
    (`border="clamp"`, `valid_BHW=None`); dividing by the valid ones keeps the strength of the loss
    independent of how much of a crop is padding. Without any valid pixel the loss is 0.

    The gradient flows into both frames; mask and flow are constants. The other frame's logits are
    read directly at grid + flow and softmax follows, as the code (which warps logits) and unlike
    the papers' letter (which warp probabilities); the two agree for whole-pixel positions.

    Args:
        logits_t_BChw: Logits of frame t.
        logits_other_BChw: Logits of the other frame.
        flow_t_to_other_B2HW: Flow on the grid of frame t, in pixels: read the other frame at
            grid + flow.
        images_t_B3HW: Frame t, RGB 0..255.
        images_other_B3HW: The other frame, RGB 0..255.
        form: Distance: KL of Liu et al. 2022, squared distance of Liu et al. 2020, or the
            released code's on logits.
        mask: V; see `vstc.losses.photometric.pair_weights`.
        border: What to do with pixels that leave the frame.
        valid_BHW: Pixels of frame t that may count: inside the crop's content, visible.
        flow_other_to_t_B2HW: The flow back, needed by the mask `fb` only.
        stride: 1 compares at full resolution; 8 at the logits' own grid, 30 times cheaper.

    Returns:
        A scalar.

    Raises:
        ConfigError: An unknown name, or a crop that does not fit the logits' grid.
    """
    if form not in _DISTANCES:
        raise unknown_name("temporal loss", form, _DISTANCES)
    if stride not in (1, 8):
        raise unknown_name("temporal stride", str(stride), ("1", "8"))
    distance = _DISTANCES[form]
    size = (flow_t_to_other_B2HW.shape[-2], flow_t_to_other_B2HW.shape[-1])
    grid = (logits_t_BChw.shape[-2], logits_t_BChw.shape[-1])
    step = grid_stride(coarse=grid, fine=size)
    weight_BPQ, valid_BPQ = pair_weights(
        flow_t_to_other_B2HW.detach(),
        images_t_B3HW,
        images_other_B3HW,
        mask=mask,
        border=border,
        valid_BHW=valid_BHW,
        flow_other_to_t_B2HW=flow_other_to_t_B2HW,
        step=(1, 1) if stride == 1 else step,
    )
    if form == "logit-mse":
        weight_BPQ = weight_BPQ.square()
    weight_BPQ = weight_BPQ * valid_BPQ
    flow = flow_t_to_other_B2HW.detach()

    def image_sum(index: int, logits_t: torch.Tensor, logits_other: torch.Tensor) -> torch.Tensor:
        one = slice(index, index + 1)
        if stride == 1:
            anchor = upsample(logits_t[one], size)
            warped = sample_logits_on_grid(logits_other[one], flow[one])
        else:
            anchor = logits_t[one]
            warped = _sample_on_own_grid(logits_other[one], flow[one], step=step)
        return (distance(anchor, warped) * weight_BPQ[one]).sum()

    total = sum_of_parts(image_sum, logits_t_BChw.shape[0], logits_t_BChw, logits_other_BChw)
    return total / valid_BPQ.sum().clamp(min=1)
