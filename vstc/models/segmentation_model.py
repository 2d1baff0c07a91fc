"""What all segmentation networks have in common: grid, output, heads, parameter groups.

Shapes: B images, H x W pixels, h x w grid of the output, K classes, F feature channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from vstc.models.pixels import IMAGENET_RGB, InputConvention, PixelModule


@dataclass(frozen=True)
class SizeRule:
    """Image sides `multiple * k + offset`, k >= 1, put the output grid exactly on pixels.

    With multiple 8 and offset 1, grid cell (i, j) lies on pixel (8 i, 8 j), and the corner cells
    on the corner pixels: bilinear upsampling with align_corners=True is exact.
    """

    multiple: int
    offset: int

    def fits(self, side: int) -> bool:
        """Tell whether `side` pixels give an exact grid."""
        return side > self.offset and (side - self.offset) % self.multiple == 0

    def next_side(self, side: int) -> int:
        """Return the smallest exact side that is not below `side`."""
        steps = max(1, -(-(side - self.offset) // self.multiple))
        return steps * self.multiple + self.offset


@dataclass(frozen=True)
class SegmentationOutput:
    """What a network returns.

    Attributes:
        logits: Class scores (B, K, h, w) at the network's output stride.
        aux_logits: Class scores (num_aux, K, h', w') of each auxiliary head, in the order of the
            network's `aux_weights`; empty if they did not run.
        features: Features (B, F, h, w) that the classification head reads.
    """

    logits: torch.Tensor
    aux_logits: tuple[torch.Tensor, ...]
    features: torch.Tensor


class SegmentationModel(PixelModule, ABC):
    """A network from RGB images to class scores on a coarse grid.

    Args:
        name: Name in the catalog.
        num_classes: Number of classes K.
        convention: Pixel statistics.

    Attributes:
        output_stride: Pixels per grid cell.
        size_rule: Image sides that give exact grids; other sides work too, a little displaced.
        head_names: Parts that a foreign checkpoint may lack, trained at the higher learning rate.
        aux_weights: Weight of the loss of each auxiliary head; the main head has 1.
        trains_on_own_grid: The losses compare the logits of each head with labels picked at its
            own resolution; else with all labels, enlarging the logits.
        context_tap: Module whose output stands for what the network knows of a scene, to be
            carried to other frames; see `vstc.models.taps`. None if it has no such module.
    """

    output_stride: ClassVar[int] = 8
    size_rule: ClassVar[SizeRule] = SizeRule(multiple=8, offset=1)
    head_names: ClassVar[tuple[str, ...]] = ("ppm", "cls", "aux")
    aux_weights: ClassVar[tuple[float, ...]] = (0.4,)
    trains_on_own_grid: ClassVar[bool] = False
    context_tap: ClassVar[str | None] = None

    aux: nn.Module | None

    def __init__(
        self, *, name: str, num_classes: int, convention: InputConvention = IMAGENET_RGB
    ) -> None:
        super().__init__(convention)
        self.name = name
        self.num_classes = num_classes

    @abstractmethod
    def forward(self, images: torch.Tensor, *, num_aux: int | None = None) -> SegmentationOutput:
        """Return class scores at the output stride.

        Args:
            images: RGB (B, 3, H, W), uint8 or float, 0..255.
            num_aux: Run the auxiliary heads on the first `num_aux` images only; None runs them on
                all of them. They never run in eval mode.
        """

    @abstractmethod
    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return the class scores (B, K, h, w) of `SegmentationOutput.features`: the head alone."""

    def count_aux(self, num_images: int, num_aux: int | None) -> int:
        """Return how many of the images the auxiliary heads are to see.

        Args:
            num_images: Images in the batch.
            num_aux: The argument of `forward`.
        """
        if not self.training or self.aux is None:
            return 0
        if num_aux is None:
            return num_images
        if not 0 <= num_aux <= num_images:
            raise ValueError(f"num_aux is {num_aux} for a batch of {num_images} images")
        return num_aux

    def is_head(self, parameter_name: str) -> bool:
        """Tell whether a name of the state dict belongs to a head."""
        return parameter_name.split(".", 1)[0] in self.head_names

    def head_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters of the heads, which start from random values."""
        return (value for name, value in self.named_parameters() if self.is_head(name))

    def backbone_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that ImageNet weights can fill."""
        return (value for name, value in self.named_parameters() if not self.is_head(name))

    def drop_aux_head(self) -> None:
        """Remove the auxiliary head for good, as an exported network needs none."""
        self.aux = None
