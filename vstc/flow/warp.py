"""Backward warping in torch: read images, logits or another flow where a flow field points.

Shapes: B batch, C channels, H x W the grid of the flow, h x w the grid of the values.
Pixel centres lie at whole numbers, the first and last one are the edges of the frame
(`align_corners=True`), so a flow of (1, 0) reads exactly the right-hand neighbour.
A flow is (x, y) in pixels of its own grid; its name says what it joins: with
`flow_t_to_other`, defined on the grid of frame t, the frame `other` is read.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F

from vstc.errors import ConfigError

SampleMode = Literal["bilinear", "nearest"]


def pixel_grid(
    height: int, width: int, *, device: torch.device | None = None, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """Return the (x, y) of every pixel, shape (2, height, width)."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device, dtype=dtype),
        torch.arange(width, device=device, dtype=dtype),
        indexing="ij",
    )
    return torch.stack((x, y))


def flow_positions(flow_B2HW: torch.Tensor) -> torch.Tensor:
    """Return grid + flow, shape (B, 2, H, W): where each pixel is found in the other frame."""
    height, width = flow_B2HW.shape[-2:]
    return flow_B2HW + pixel_grid(height, width, device=flow_B2HW.device, dtype=flow_B2HW.dtype)


def inside(position_B2HW: torch.Tensor, *, height: int, width: int) -> torch.Tensor:
    """Return a bool mask (B, H, W): positions within a height x width frame, edges included.

    A position that is not a number is outside.
    """
    x, y = position_B2HW[:, 0], position_B2HW[:, 1]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def inside_frame(flow_B2HW: torch.Tensor) -> torch.Tensor:
    """Return a bool mask (B, H, W): pixels whose flow stays within the frame, edges included."""
    height, width = flow_B2HW.shape[-2:]
    return inside(flow_positions(flow_B2HW), height=height, width=width)


def sample_at_positions(
    values_BChw: torch.Tensor, position_B2HW: torch.Tensor, *, mode: SampleMode = "bilinear"
) -> torch.Tensor:
    """Read values at positions given in pixels of their own grid.

    Positions outside are clamped to the nearest border pixel (`inside` tells which ones). The
    result is float32, or float64 for float64 values: half precision cannot hold a position.

    Args:
        values_BChw: Values of any real type.
        position_B2HW: (x, y) to read at.
        mode: Interpolation.

    Returns:
        Values of shape (B, C, H, W), differentiable in the values and, if bilinear, the position.
    """
    if mode not in ("bilinear", "nearest"):
        raise ConfigError(f"unknown sampling mode: {mode}", hint="choose one of: bilinear, nearest")
    dtype = torch.float64 if values_BChw.dtype == torch.float64 else torch.float32
    height, width = values_BChw.shape[-2:]
    last = position_B2HW.new_tensor([max(width - 1, 1), max(height - 1, 1)], dtype=dtype)
    position_BHW2 = torch.nan_to_num(position_B2HW.to(dtype)).permute(0, 2, 3, 1)
    return F.grid_sample(
        values_BChw.to(dtype),
        position_BHW2 * (2 / last) - 1,
        mode=mode,
        padding_mode="border",
        align_corners=True,
    )


def sample_at_flow(
    values_BCHW: torch.Tensor, flow_B2HW: torch.Tensor, *, mode: SampleMode = "bilinear"
) -> torch.Tensor:
    """Warp backward: read values at grid + flow.

    With `values` of frame b and `flow_a_to_b` on the grid of frame a, the result is frame a as
    b shows it. Outside the frame the border is repeated; `inside_frame` gives the mask.

    Args:
        values_BCHW: Values on the same grid as the flow.
        flow_B2HW: Flow from the result's frame to the values' frame, in pixels.
        mode: Interpolation; `nearest` for labels.

    Returns:
        Values of shape (B, C, H, W), float32 or float64.
    """
    if values_BCHW.shape[-2:] != flow_B2HW.shape[-2:]:
        raise ValueError(
            f"values {tuple(values_BCHW.shape[-2:])} and flow {tuple(flow_B2HW.shape[-2:])} "
            "are on different grids"
        )
    return sample_at_positions(values_BCHW, flow_positions(flow_B2HW), mode=mode)


def grid_stride(*, coarse: tuple[int, int], fine: tuple[int, int]) -> tuple[int, int]:
    """Return the (y, x) step between pixels of a coarse grid, measured on the fine grid.

    Both grids span the same frame with their corners on each other, so the step is a whole
    number only if (fine - 1) is a multiple of (coarse - 1), e.g. 769 = 8 * 96 + 1.

    Raises:
        ConfigError: The sizes do not fit.
    """
    steps = []
    for coarse_length, fine_length in zip(coarse, fine, strict=True):
        intervals = max(coarse_length - 1, 1)
        if (fine_length - 1) % intervals:
            raise ConfigError(
                f"a grid of {coarse[0]}x{coarse[1]} does not fit a frame of {fine[0]}x{fine[1]}",
                hint="use a crop whose height and width are a multiple of 8 plus 1, such as 769",
            )
        steps.append(max((fine_length - 1) // intervals, 1))
    return steps[0], steps[1]


def sample_logits_on_grid(logits_BChw: torch.Tensor, flow_B2HW: torch.Tensor) -> torch.Tensor:
    """Read coarse logits directly at full-resolution positions grid + flow.

    Equals bilinear upsampling (`align_corners=True`) followed by `sample_at_flow`, to rounding:
    every full-resolution pixel cell lies within one cell of the coarse grid, where both are the
    same bilinear function. The upsampled copy is never made.

    Args:
        logits_BChw: Logits at a whole stride of the flow's grid, e.g. 97x97 for 769x769.
        flow_B2HW: Flow from the result's frame to the logits' frame, full-resolution pixels.

    Returns:
        Logits of shape (B, C, H, W).
    """
    height, width = flow_B2HW.shape[-2:]
    coarse_height, coarse_width = logits_BChw.shape[-2:]
    step_y, step_x = grid_stride(coarse=(coarse_height, coarse_width), fine=(height, width))
    step = flow_B2HW.new_tensor([step_x, step_y]).view(1, 2, 1, 1)
    return sample_at_positions(logits_BChw, flow_positions(flow_B2HW) / step)
