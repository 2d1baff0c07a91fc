"""The parts of ICNet (Zhao et al. 2018), shared by the network and by its refiner.

Layers are called as in the released Caffe network, so that its weights differ from ours by the
names of leaves alone. Where Caffe names a sum or a resize, a module without parameters stands
under that name: every inner map can be tapped by name.

Shapes: H x W pixels of the image; a map "at 1/s" has ceil(H / s) x ceil(W / s) cells. All resizes
put corners on corners, so with sides 32 n + 1 the cells lie exactly on every s-th pixel.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from vstc.models.conv_norm import ConvNorm
from vstc.models.pyramid import BINS, BinAverage

Size = tuple[int, int]

TRUNK_CHANNELS = 256
CONTEXT_CHANNELS = 256
FUSED_CHANNELS = 128


def grid_size(image_BCHW: torch.Tensor, stride: int) -> Size:
    """Return the size of a map at 1/stride of an image."""
    height, width = image_BCHW.shape[-2:]
    return (height - 1) // stride + 1, (width - 1) // stride + 1


class CornerResize(nn.Module):
    """Resize bilinearly to a given size, corners on corners."""

    def forward(self, maps_BChw: torch.Tensor, size: Size) -> torch.Tensor:
        """Return (B, C, *size)."""
        return F.interpolate(maps_BChw, size=size, mode="bilinear", align_corners=True)


class PyramidSum(nn.Module):
    """Add to a map its means over 1, 2, 3 and 6 bins per side.

    The released network, made for 1025 x 2049 alone, lets its 3 and 6 bins per side overlap by
    a few cells more than these do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.averages = nn.ModuleList(BinAverage(num_bins) for num_bins in BINS)

    def forward(self, features_BChw: torch.Tensor) -> torch.Tensor:
        """Return (B, C, h, w)."""
        size = features_BChw.shape[-2:]
        total = features_BChw
        for average in self.averages:
            level = average(features_BChw)
            total = total + F.interpolate(level, size, mode="bilinear", align_corners=True)
        return total


class ICNetParts(nn.Module):
    """For each part of ICNet a method that adds its layers and one that runs them."""

    def add_trunk(self) -> None:
        """Add Branch 2, from the image at half size to `conv3_1`."""
        self.data_sub2 = CornerResize()
        self._add("conv1_1_3x3_s2", 3, 32, stride=2)
        self._add("conv1_2_3x3", 32, 32)
        self._add("conv1_3_3x3", 32, 64)
        self.pool1_3x3_s2 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self._add_blocks(2, (1, 2, 3), in_channels=64, inner=32)
        self._add_blocks(3, (1,), in_channels=128, inner=64, stride=2)

    def run_trunk(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Return `conv3_1`, 256 channels at 1/16."""
        x = self._run("data_sub2", pixels_B3HW, grid_size(pixels_B3HW, 2))
        for name in ("conv1_1_3x3_s2", "conv1_2_3x3", "conv1_3_3x3", "pool1_3x3_s2"):
            x = self._run(name, x)
        for name in ("conv2_1", "conv2_2", "conv2_3", "conv3_1"):
            x = self._run_block(name, x)
        return x

    def add_context(self) -> None:
        """Add Branch 4, from `conv3_1` at half its size to `conv5_4_interp`."""
        self.conv3_1_sub4 = CornerResize()
        self._add_blocks(3, (2, 3, 4), in_channels=256, inner=64)
        self._add_blocks(4, (1, 2, 3, 4, 5, 6), in_channels=256, inner=128, dilation=2)
        self._add_blocks(5, (1, 2, 3), in_channels=512, inner=256, dilation=4)
        self.conv5_3_sum = PyramidSum()
        self._add("conv5_4_k1", 1024, CONTEXT_CHANNELS, kernel_size=1)
        self.conv5_4_interp = CornerResize()

    def run_context(self, conv3_1: torch.Tensor) -> torch.Tensor:
        """Return `conv5_4_interp`, 256 channels at 1/16."""
        x = self._run("conv3_1_sub4", conv3_1, grid_size(conv3_1, 2))
        for name in _DEEP_BLOCKS:
            x = self._run_block(name, x)
        x = self._run("conv5_4_k1", self._run("conv5_3_sum", x))
        return self._run("conv5_4_interp", x, grid_size(conv3_1, 1))

    def add_context_fusion(self, *, has_context_conv: bool = True) -> None:
        """Add the cascade feature fusion of Branch 4 and Branch 2, up to `sub24_sum_interp`.

        Args:
            has_context_conv: Add `conv_sub4` too; without, its output comes from elsewhere.
        """
        if has_context_conv:
            self._add("conv_sub4", CONTEXT_CHANNELS, FUSED_CHANNELS, dilation=2, is_activated=False)
        self._add(
            "conv3_1_sub2_proj", TRUNK_CHANNELS, FUSED_CHANNELS, kernel_size=1, is_activated=False
        )
        self.sub24_sum = nn.ReLU(inplace=True)

    def run_context_fusion(self, conv_sub4: torch.Tensor, conv3_1: torch.Tensor) -> torch.Tensor:
        """Return `sub24_sum`, 128 channels at 1/16."""
        return self._run("sub24_sum", conv_sub4 + self._run("conv3_1_sub2_proj", conv3_1))

    def add_detail_fusion(self) -> None:
        """Add Branch 1 and its cascade feature fusion, up to `sub12_sum_interp`."""
        self.sub24_sum_interp = CornerResize()
        self._add("conv_sub2", FUSED_CHANNELS, FUSED_CHANNELS, dilation=2, is_activated=False)
        self._add("conv1_sub1", 3, 32, stride=2)
        self._add("conv2_sub1", 32, 32, stride=2)
        self._add("conv3_sub1", 32, 64, stride=2)
        self._add("conv3_sub1_proj", 64, FUSED_CHANNELS, kernel_size=1, is_activated=False)
        self.sub12_sum = nn.ReLU(inplace=True)
        self.sub12_sum_interp = CornerResize()

    def run_context_enlarging(
        self, sub24_sum: torch.Tensor, pixels_B3HW: torch.Tensor
    ) -> torch.Tensor:
        """Return `sub24_sum_interp`, 128 channels at 1/8."""
        return self._run("sub24_sum_interp", sub24_sum, grid_size(pixels_B3HW, 8))

    def run_detail_fusion(
        self, sub24_sum_interp: torch.Tensor, pixels_B3HW: torch.Tensor
    ) -> torch.Tensor:
        """Return `sub12_sum_interp`, 128 channels at 1/4."""
        x = pixels_B3HW
        for name in ("conv1_sub1", "conv2_sub1", "conv3_sub1", "conv3_sub1_proj"):
            x = self._run(name, x)
        fused = self._run("sub12_sum", self._run("conv_sub2", sub24_sum_interp) + x)
        return self._run("sub12_sum_interp", fused, grid_size(pixels_B3HW, 4))

    def add_classifier(self, num_classes: int) -> None:
        """Add `conv6_cls`."""
        self.conv6_cls = nn.Conv2d(FUSED_CHANNELS, num_classes, kernel_size=1)

    def _add(
        self,
        name: str,
        in_channels: int,
        channels: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        is_activated: bool = True,
    ) -> None:
        layer = ConvNorm(
            in_channels,
            channels,
            kernel_size=kernel_size,
            stride=stride,
            dilation=dilation,
            is_activated=is_activated,
        )
        self.add_module(name, layer)

    def _add_blocks(
        self,
        stage: int,
        numbers: tuple[int, ...],
        *,
        in_channels: int,
        inner: int,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        """Add bottlenecks of one width; the first of a stage has a projection and the stride."""
        for number in numbers:
            name = f"conv{stage}_{number}"
            is_first = number == 1
            step = stride if is_first else 1
            self._add(f"{name}_1x1_reduce", in_channels, inner, kernel_size=1, stride=step)
            self._add(f"{name}_3x3", inner, inner, dilation=dilation)
            self._add(f"{name}_1x1_increase", inner, 4 * inner, kernel_size=1, is_activated=False)
            if is_first:
                self._add(
                    f"{name}_1x1_proj",
                    in_channels,
                    4 * inner,
                    kernel_size=1,
                    stride=step,
                    is_activated=False,
                )
            self.add_module(name, nn.ReLU(inplace=True))
            in_channels = 4 * inner

    def _run_block(self, name: str, x: torch.Tensor) -> torch.Tensor:
        inner = self._run(f"{name}_3x3", self._run(f"{name}_1x1_reduce", x))
        is_projected = hasattr(self, f"{name}_1x1_proj")
        shortcut = self._run(f"{name}_1x1_proj", x) if is_projected else x
        return self._run(name, self._run(f"{name}_1x1_increase", inner) + shortcut)

    def _run(self, name: str, *inputs: Any) -> torch.Tensor:
        """Run a layer by its name; modules have no types."""
        output: torch.Tensor = getattr(self, name)(*inputs)
        return output


_DEEP_BLOCKS = tuple(
    f"conv{stage}_{number}"
    for stage, numbers in ((3, (2, 3, 4)), (4, range(1, 7)), (5, (1, 2, 3)))
    for number in numbers
)
