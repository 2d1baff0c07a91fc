"""How far to trust a pair of pixels that a flow joins: the masks of the temporal loss.

Shapes: B batch, H x W the grid of the flow and of the images; P x Q the grid that is compared,
which is H x W or every s-th pixel of it. Images are RGB, 0..255.
"""

from __future__ import annotations

import torch

from vstc.errors import ConfigError, unknown_name
from vstc.flow.warp import flow_positions, inside, inside_frame, sample_at_flow, sample_at_positions

IMAGENET_STD = (0.229, 0.224, 0.225)
MASKS = ("l1", "etc", "fb", "none")


def photometric_weight(
    images_t_B3PQ: torch.Tensor, warped_B3PQ: torch.Tensor, *, mask: str
) -> torch.Tensor:
    """Return V in (0, 1], shape (B, P, Q): the brightness agreement of joined pixels.

    Liu et al. 2020 (below Eq. 1) give V = exp(-|I_t - I_warped|) and say neither the scale of the
    images nor how three channels become one. `l1` is exp(-sum_c |difference_c|) with images in
    0..1. `etc` is the released code: exp(-|sum_c difference_c|) with images normalised by the
    ImageNet deviations (the means cancel), so opposite channel errors hide each other.

    Args:
        images_t_B3PQ: Pixels of frame t, 0..255.
        warped_B3PQ: The pixels of the other frame that the flow joins to them, 0..255.
        mask: `l1` or `etc`.
    """
    difference = (images_t_B3PQ - warped_B3PQ) / 255
    if mask == "l1":
        return torch.exp(-difference.abs().sum(dim=1))
    if mask == "etc":
        std = difference.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
        return torch.exp(-(difference / std).sum(dim=1).abs())
    raise unknown_name("photometric mask", mask, ("l1", "etc"))


def forward_backward_consistent(
    flow_t_to_other_B2HW: torch.Tensor, flow_other_to_t_B2HW: torch.Tensor
) -> torch.Tensor:
    """Return a bool mask (B, H, W) of pixels of frame t that the two flows agree on.

    A pixel is visible in both frames if going there and back ends where it began:
    |f + b|^2 < 0.01 (|f|^2 + |b|^2) + 0.5, b read at grid + f (Sundaram et al. 2010, Eq. 5).
    Pixels that leave the frame do not agree.
    """
    back = sample_at_flow(flow_other_to_t_B2HW, flow_t_to_other_B2HW)
    gap = (flow_t_to_other_B2HW + back).square().sum(dim=1)
    length = flow_t_to_other_B2HW.square().sum(dim=1) + back.square().sum(dim=1)
    return (gap < 0.01 * length + 0.5) & inside_frame(flow_t_to_other_B2HW)


@torch.no_grad()
def pair_weights(
    flow_t_to_other_B2HW: torch.Tensor,
    images_t_B3HW: torch.Tensor,
    images_other_B3HW: torch.Tensor,
    *,
    mask: str,
    border: str,
    valid_BHW: torch.Tensor | None = None,
    flow_other_to_t_B2HW: torch.Tensor | None = None,
    step: tuple[int, int] = (1, 1),
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight V and the validity of every compared pixel, both (B, P, Q), constant.

    Args:
        flow_t_to_other_B2HW: Flow on the grid of frame t; the other frame is read at grid + flow.
        images_t_B3HW: Frame t.
        images_other_B3HW: The other frame.
        mask: `l1` or `etc` (see `photometric_weight`), `fb` (V = 1 at consistent pixels, the
            others invalid), or `none` (V = 1).
        border: `ignore` makes pixels that leave the frame invalid; `clamp` compares them with the
            border as the released code does.
        valid_BHW: Pixels of frame t that may count.
        flow_other_to_t_B2HW: The flow back, for `fb`.
        step: Compare every step-th pixel in y and x.
    """
    if mask not in MASKS:
        raise unknown_name("temporal mask", mask, MASKS)
    if border not in ("ignore", "clamp"):
        raise unknown_name("temporal border rule", border, ("ignore", "clamp"))
    height, width = flow_t_to_other_B2HW.shape[-2:]
    rows, columns = slice(None, None, step[0]), slice(None, None, step[1])
    position_B2PQ = flow_positions(flow_t_to_other_B2HW)[:, :, rows, columns]
    valid_BPQ = torch.isfinite(position_B2PQ).all(dim=1)
    if border == "ignore":
        valid_BPQ &= inside(position_B2PQ, height=height, width=width)
    if valid_BHW is not None:
        valid_BPQ &= valid_BHW[:, rows, columns].bool()
    if mask == "fb":
        if flow_other_to_t_B2HW is None:
            raise ConfigError(
                "the temporal mask fb needs the flow in both directions",
                hint="precompute both directions, or choose l1, etc or none",
            )
        agree = forward_backward_consistent(flow_t_to_other_B2HW, flow_other_to_t_B2HW)
        valid_BPQ &= agree[:, rows, columns]
    if mask in ("fb", "none"):
        return torch.ones_like(position_B2PQ[:, 0]), valid_BPQ
    weight = [
        # One frame at a time: three full-resolution float copies of a batch would be held.
        photometric_weight(
            image_t[None, :, rows, columns].float(),
            sample_at_positions(image_other[None], position[None]),
            mask=mask,
        )
        for image_t, image_other, position in zip(
            images_t_B3HW, images_other_B3HW, position_B2PQ, strict=True
        )
    ]
    return torch.cat(weight).to(position_B2PQ.dtype), valid_BPQ
