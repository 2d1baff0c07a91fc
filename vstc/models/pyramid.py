"""The heads of PSPNet: pyramid pooling and the convolutional classifier (Zhao et al. 2017).

Shapes: B images, C channels, h x w grid, K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

BINS = (1, 2, 3, 6)


class BinAverage(nn.Module):
    """Average a map over `num_bins` x `num_bins` regions that cover it, borders shared."""

    def __init__(self, num_bins: int) -> None:
        super().__init__()
        self.num_bins = num_bins

    def forward(self, features_BChw: torch.Tensor) -> torch.Tensor:
        """Return (B, C, num_bins, num_bins)."""
        if features_BChw.is_cuda and torch.are_deterministic_algorithms_enabled():
            # CUDA has no deterministic gradient for adaptive pooling.
            return average_by_matrices(features_BChw, self.num_bins)
        return F.adaptive_avg_pool2d(features_BChw, self.num_bins)


def average_by_matrices(features_BChw: torch.Tensor, num_bins: int) -> torch.Tensor:
    """Do adaptive average pooling as two matrix products, in float32.

    Args:
        features_BChw: Map (B, C, h, w).
        num_bins: Regions per side.

    Returns:
        Means (B, C, num_bins, num_bins) in the type of the input.
    """
    height, width = features_BChw.shape[-2:]
    with torch.autocast(features_BChw.device.type, enabled=False):
        values = features_BChw.float()
        rows = _averaging_matrix(height, num_bins, values)
        columns = _averaging_matrix(width, num_bins, values)
        return (rows @ (values @ columns.T)).to(features_BChw.dtype)


def _averaging_matrix(length: int, num_bins: int, like: torch.Tensor) -> torch.Tensor:
    position = torch.arange(length, device=like.device)
    index = torch.arange(num_bins, device=like.device).unsqueeze(1)
    first = index * length // num_bins
    end = ((index + 1) * length + num_bins - 1) // num_bins
    inside = (position >= first) & (position < end)
    return inside.to(like.dtype) / (end - first)


class PyramidPooling(nn.Module):
    """Concatenate a map with its means over 1, 2, 3 and 6 bins per side.

    Args:
        channels: Channels C of the input, divisible by the number of pyramid levels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = channels // len(BINS)
        self.features = nn.ModuleList(
            nn.Sequential(
                BinAverage(num_bins),
                nn.Conv2d(channels, width, kernel_size=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
            for num_bins in BINS
        )

    def forward(self, features_BChw: torch.Tensor) -> torch.Tensor:
        """Return (B, 2C, h, w).

        In training mode B must be at least 2: the single mean of level 1 goes through batch norm.
        """
        size = features_BChw.shape[-2:]
        levels = [
            F.interpolate(level(features_BChw), size, mode="bilinear", align_corners=True)
            for level in self.features
        ]
        return torch.cat([features_BChw, *levels], dim=1)


def classifier(*, in_channels: int, width: int, num_classes: int) -> nn.Sequential:
    """Build 3x3 convolution, batch norm, ReLU, channel dropout 0.1, 1x1 convolution.

    Args:
        in_channels: Channels of the input.
        width: Channels between the two convolutions.
        num_classes: Number of classes K.

    Returns:
        A module from (B, in_channels, h, w) to (B, K, h, w); its parameters keep torch's default
        initial values, as in the released PSPNet code.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, width, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Dropout2d(p=0.1),
        nn.Conv2d(width, num_classes, kernel_size=1),
    )
