"""MobileNetV2 as a stride-8 backbone (Sandler et al. 2018), with torchvision's parameter names."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

STEM_CHANNELS = 32


@dataclass(frozen=True)
class _Stage:
    """Blocks of one width.

    Attributes:
        expansion: Inner channels over input channels.
        channels: Output channels.
        num_blocks: Number of blocks.
        stride: Stride of the first block.
        dilation: Dilation of the depthwise convolutions.
    """

    expansion: int
    channels: int
    num_blocks: int
    stride: int
    dilation: int


# The classification network strides at the 64 and 160 wide stages; here dilation replaces that.
_STAGES = (
    _Stage(expansion=1, channels=16, num_blocks=1, stride=1, dilation=1),
    _Stage(expansion=6, channels=24, num_blocks=2, stride=2, dilation=1),
    _Stage(expansion=6, channels=32, num_blocks=3, stride=2, dilation=1),
    _Stage(expansion=6, channels=64, num_blocks=4, stride=1, dilation=2),
    _Stage(expansion=6, channels=96, num_blocks=3, stride=1, dilation=2),
    _Stage(expansion=6, channels=160, num_blocks=3, stride=1, dilation=4),
    _Stage(expansion=6, channels=320, num_blocks=1, stride=1, dilation=4),
)
MIDDLE_INDEX = 13
MIDDLE_CHANNELS = 96
DEEP_CHANNELS = 320


class InvertedResidual(nn.Module):
    """Widen (1x1), filter each channel (3x3), narrow (1x1); add the input if shapes are equal.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        expansion: Inner channels over input channels; 1 leaves out the widening.
        stride: Stride of the depthwise convolution.
        dilation: Dilation of the depthwise convolution.
    """

    def __init__(
        self, in_channels: int, channels: int, *, expansion: int, stride: int, dilation: int
    ) -> None:
        super().__init__()
        inner = in_channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(_conv_bn_relu6(in_channels, inner, kernel_size=1))
        layers.append(
            _conv_bn_relu6(
                inner, inner, kernel_size=3, stride=stride, dilation=dilation, groups=inner
            )
        )
        layers.append(nn.Conv2d(inner, channels, kernel_size=1, bias=False))
        layers.append(nn.BatchNorm2d(channels))
        self.conv = nn.Sequential(*layers)
        self.adds_input = stride == 1 and in_channels == channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the filtered map."""
        out: torch.Tensor = self.conv(x)
        return x + out if self.adds_input else out


def mobilenet_v2_features() -> nn.Sequential:
    """Build `features.0` .. `features.17`; the 1280-wide last layer is left out.

    Returns:
        A module from (B, 3, H, W) to (B, 320, h, w) at stride 8.
    """
    layers: list[nn.Module] = [_conv_bn_relu6(3, STEM_CHANNELS, kernel_size=3, stride=2)]
    in_channels = STEM_CHANNELS
    for part in _STAGES:
        for index in range(part.num_blocks):
            layers.append(
                InvertedResidual(
                    in_channels,
                    part.channels,
                    expansion=part.expansion,
                    stride=part.stride if index == 0 else 1,
                    dilation=part.dilation,
                )
            )
            in_channels = part.channels
    return nn.Sequential(*layers)


def _conv_bn_relu6(
    in_channels: int,
    channels: int,
    *,
    kernel_size: int,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    conv = nn.Conv2d(
        in_channels,
        channels,
        kernel_size=kernel_size,
        stride=stride,
        padding=kernel_size // 2 * dilation,
        dilation=dilation,
        groups=groups,
        bias=False,
    )
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU6(inplace=True))
