"""Residual blocks and stems (He et al. 2016), with dilation in place of stride after stage 2.

Parameter names are those of the released PSPNet code: `layer0` is the stem, `layer1` .. `layer4`
the stages, so that its checkpoints load as they are.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """A block whose output is `channels * expansion` wide; the base of both kinds.

    Attributes:
        expansion: Output channels over inner channels.
    """

    expansion: ClassVar[int]


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions; only the second is dilated, as in the released PSPNet18.

    Args:
        in_channels: Channels of the input.
        channels: Channels of both convolutions and of the output.
        stride: Stride of the first convolution.
        dilation: Dilation of the second convolution.
    """

    expansion = 1

    def __init__(self, in_channels: int, channels: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(in_channels, channels, stride=stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv3x3(channels, channels, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(in_channels, channels, stride=stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input plus its residual, after ReLU."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class Bottleneck(ResidualBlock):
    """1x1, 3x3 and 1x1 convolution; stride and dilation are in the 3x3.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the 3x3 convolution; the output has four times as many.
        stride: Stride of the 3x3 convolution.
        dilation: Dilation of the 3x3 convolution.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv3x3(channels, channels, stride=stride, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, out_channels, stride=stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input plus its residual, after ReLU."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


def stage(
    block: type[BasicBlock] | type[Bottleneck],
    *,
    in_channels: int,
    channels: int,
    num_blocks: int,
    stride: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """Build a stage: `num_blocks` blocks of which the first may stride.

    Args:
        block: Kind of block.
        in_channels: Channels of the input.
        channels: Inner channels of the blocks.
        num_blocks: Number of blocks.
        stride: Stride of the first block.
        dilation: Dilation of all blocks, the first included.
    """
    wide = channels * block.expansion
    first = block(in_channels, channels, stride=stride, dilation=dilation)
    others = (block(wide, channels, stride=1, dilation=dilation) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *others)


def plain_stem(channels: int, *, kernel_size: int) -> nn.Sequential:
    """Build one strided convolution and a max pool: stride 4 in all."""
    conv = nn.Conv2d(
        3, channels, kernel_size=kernel_size, stride=2, padding=kernel_size // 2, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True), _max_pool())


def deep_stem() -> nn.Sequential:
    """Build three 3x3 convolutions (64, 64, 128 channels) and a max pool: stride 4 in all."""
    layers: list[nn.Module] = []
    for in_channels, channels, stride in ((3, 64, 2), (64, 64, 1), (64, 128, 1)):
        layers += [
            _conv3x3(in_channels, channels, stride=stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, _max_pool())


def initialize_convolutions(module: nn.Module) -> None:
    """Draw convolution weights from a normal law scaled by their fan-out (He et al. 2015).

    Batch norms keep torch's defaults, weight 1 and bias 0.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _max_pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel_size=3, stride=2, padding=1)


def _conv3x3(in_channels: int, channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels,
        channels,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        dilation=dilation,
        bias=False,
    )


def _shortcut(in_channels: int, channels: int, *, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == channels:
        return None
    conv = nn.Conv2d(in_channels, channels, kernel_size=1, stride=stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels))
