"""The merging layer of Accel (Jain et al. 2019): scores of two networks into one."""

from __future__ import annotations

import torch
from torch import nn


class ScoreMerge(nn.Module):
    """One 1x1 convolution on the scores of both networks, 2 K to K channels.

    Untrained it gives the mean of both; the released code begins with small random weights.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.conv = nn.Conv2d(2 * num_classes, num_classes, kernel_size=1)
        half = torch.eye(num_classes)[:, :, None, None] / 2
        assert self.conv.bias is not None
        with torch.no_grad():
            self.conv.weight.copy_(torch.cat([half, half], dim=1))
            self.conv.bias.zero_()

    def forward(self, carried_BKhw: torch.Tensor, light_BKhw: torch.Tensor) -> torch.Tensor:
        """Return merged logits (B, K, h, w).

        Args:
            carried_BKhw: Logits of the key network's head on the carried feature.
            light_BKhw: Logits of the light network on the current frame.

        Raises:
            ValueError: They differ in shape, or have other classes than this layer.
        """
        shapes = [tuple(scores.shape) for scores in (carried_BKhw, light_BKhw)]
        if shapes[0] != shapes[1] or shapes[0][1] != self.num_classes:
            raise ValueError(f"scores of {self.num_classes} classes and one shape, got {shapes}")
        merged: torch.Tensor = self.conv(torch.cat([carried_BKhw, light_BKhw], dim=1))
        return merged
