"""Convolution, batch norm and ReLU as one layer."""

from __future__ import annotations

from torch import nn


class ConvNorm(nn.Sequential):
    """Convolution without bias (`conv`), batch norm (`bn`) and, unless it enters a sum, ReLU.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        kernel_size: Side of the kernel; the border is padded by zeros.
        stride: Stride.
        dilation: Dilation.
        groups: Groups of channels; as many as channels filter each of them alone.
        is_activated: End with ReLU.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        is_activated: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=kernel_size // 2 * dilation,
            dilation=dilation,
            groups=groups,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(channels)
        if is_activated:
            self.relu = nn.ReLU(inplace=True)
