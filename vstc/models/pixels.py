"""How pixels enter a network: order of the channels, mean and scale, applied inside.

Shapes: B images, H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class InputConvention:
    """Pixel statistics that a network was designed for; the network applies them itself.

    Attributes:
        order: Order of the channels inside the network; callers always give RGB.
        mean: Subtracted from pixels of range 0..255, in the order of `order`.
        std: Divides the difference, in the order of `order`.
    """

    order: Literal["RGB", "BGR"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def mean_rgb(self) -> tuple[float, float, float]:
        """The colour that the network sees as zero, in RGB, 0..255 (for padding crops)."""
        return self.mean if self.order == "RGB" else (self.mean[2], self.mean[1], self.mean[0])


IMAGENET_RGB = InputConvention(
    order="RGB",
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    std=(0.229 * 255, 0.224 * 255, 0.225 * 255),
)
CAFFE_BGR = InputConvention(order="BGR", mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0))


class PixelModule(nn.Module):
    """A module that takes RGB pixels of range 0..255.

    Args:
        convention: What the layers want instead.
    """

    pixel_mean: torch.Tensor
    pixel_std: torch.Tensor

    def __init__(self, convention: InputConvention) -> None:
        super().__init__()
        self.convention = convention
        # Not persistent: a state dict holds exactly the tensors of the released checkpoints.
        mean, std = torch.tensor(convention.mean), torch.tensor(convention.std)
        self.register_buffer("pixel_mean", mean.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", std.view(1, 3, 1, 1), persistent=False)

    def normalize(self, images: torch.Tensor) -> torch.Tensor:
        """Return RGB pixels (B, 3, H, W) of range 0..255 as the layers' own input."""
        pixels = images.to(self.pixel_mean.dtype)
        if self.convention.order == "BGR":
            pixels = pixels.flip(1)
        return (pixels - self.pixel_mean) / self.pixel_std
