"""The merging layer of Accel (Jain et al. 2019): scores of two networks into one."""

from __future__ import annotations

import torch
from torch import nn


class ScoreMerge(nn.Module):
    """One 1x1 convolution on the scores of both networks, 2 K to K channels.

    Untrained it gives the mean of both. Jain et al. train this layer alone, with everything
    else frozen.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * num_classes, num_classes, kernel_size=1, bias=False)
        half = torch.eye(num_classes)[:, :, None, None] / 2
        with torch.no_grad():
            self.conv.weight.copy_(torch.cat([half, half], dim=1))

    def forward(self, carried_BKhw: torch.Tensor, light_BKhw: torch.Tensor) -> torch.Tensor:
        """Return merged logits (B, K, h, w).

        Args:
            carried_BKhw: Logits of the key network's head on the carried feature.
            light_BKhw: Logits of the light network on the current frame.
        """
        merged: torch.Tensor = self.conv(torch.cat([carried_BKhw, light_BKhw], dim=1))
        return merged
