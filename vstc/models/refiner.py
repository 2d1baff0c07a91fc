"""What all refiners have in common: they correct propagated predictions, seeing the frame.

Paul et al. 2020 (EVS) carry the predictions of a key frame along the flow and repair them with a
network that costs half of the segmentation network, as it takes propagated features too.

Shapes: B images, H x W pixels, h x w cells of the propagated maps, K classes, C feature channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from vstc.models.grids import Grid, resample
from vstc.models.pixels import InputConvention, PixelModule

OUTPUT_STRIDE = 4


@dataclass(frozen=True)
class RefinerOutput:
    """What a refiner returns in training.

    Attributes:
        logits: Class scores (B, K, h, w), at the cells of the propagated maps.
        aux_logits: Class scores (B, K, h', w') of each auxiliary head, its corner cells on the
            corner pixels; empty in eval mode.
    """

    logits: torch.Tensor
    aux_logits: tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Cues:
    """What is known of a frame from an earlier one.

    Attributes:
        maps_BNhw: Propagated probabilities, inconsistency and, where it is taken, the photometric
            residual, as channels, on the refiner's own grid.
        feature_BChw: The propagated feature, on its own grid; None where it is not taken.
    """

    maps_BNhw: torch.Tensor
    feature_BChw: torch.Tensor | None


class Refiner(PixelModule, ABC):
    """A network that corrects propagated class probabilities.

    Args:
        num_classes: Number of classes K.
        convention: Pixel statistics of its layers.
        tap: Module of the segmentation network whose propagated output it takes; None for none.
        takes_residual: It takes the photometric residual.

    Attributes:
        name: Name in the catalog of refiners.
        aux_weights: Weight of the loss of each auxiliary head.
        aux: The auxiliary heads; None once they are dropped.
    """

    name: ClassVar[str]
    aux_weights: ClassVar[tuple[float, ...]] = (0.4,)

    aux: nn.Module | None

    def __init__(
        self,
        *,
        num_classes: int,
        convention: InputConvention,
        tap: str | None,
        takes_residual: bool,
    ) -> None:
        super().__init__(convention)
        self.num_classes = num_classes
        self.tap = tap
        self.takes_residual = takes_residual

    @property
    @abstractmethod
    def arguments(self) -> Mapping[str, Any]:
        """Plain JSON values that `create_refiner` builds the same refiner from."""

    @property
    @abstractmethod
    def new_names(self) -> tuple[str, ...]:
        """Parts that start from random values, not from those of the segmentation network."""

    @abstractmethod
    def correct(self, pixels_B3HW: torch.Tensor, cues: Cues) -> RefinerOutput:
        """Return class scores, or what to add to the propagated ones, on the refiner's own grid.

        Args:
            pixels_B3HW: The current frame, normalised.
            cues: What is known of it.
        """

    def forward(
        self,
        images_B3HW: torch.Tensor,
        warped_probabilities_BKhw: torch.Tensor,
        inconsistency_B1hw: torch.Tensor,
        feature_BChw: torch.Tensor | None = None,
        *,
        residual_B1hw: torch.Tensor | None = None,
        grid: Grid | None = None,
    ) -> torch.Tensor:
        """Return the corrected class scores (B, K, h, w); arguments as `refine`."""
        return self.refine(
            images_B3HW,
            warped_probabilities_BKhw,
            inconsistency_B1hw,
            feature_BChw,
            residual_B1hw=residual_B1hw,
            grid=grid,
        ).logits

    def refine(
        self,
        images_B3HW: torch.Tensor,
        warped_probabilities_BKhw: torch.Tensor,
        inconsistency_B1hw: torch.Tensor,
        feature_BChw: torch.Tensor | None = None,
        *,
        residual_B1hw: torch.Tensor | None = None,
        grid: Grid | None = None,
    ) -> RefinerOutput:
        """Correct propagated probabilities; in training, classify by the auxiliary heads too.

        Args:
            images_B3HW: The current frame as the segmentation network would take it, padded
                alike: RGB, uint8 or float, 0..255.
            warped_probabilities_BKhw: Class probabilities propagated to it.
            inconsistency_B1hw: The mask M of what is not to be trusted in them, 0..1.
            feature_BChw: The propagated output of the module `tap`, on its own grid;
                ignored where `tap` is None.
            residual_B1hw: Mean absolute difference between the frame and the propagated earlier
                frame, 0..1; ignored unless `takes_residual`.
            grid: Where the cells of the propagated maps lie in the image; None puts the corner
                cells on the corner pixels.

        Raises:
            ValueError: A feature or a residual is missing.
        """
        if self.tap is None:
            feature_BChw = None
        elif feature_BChw is None:
            raise ValueError(f"refiner {self.name} needs the propagated output of {self.tap}")
        maps = [warped_probabilities_BKhw, inconsistency_B1hw]
        if self.takes_residual:
            if residual_B1hw is None:
                raise ValueError(f"refiner {self.name} needs the photometric residual")
            maps.append(residual_B1hw)
        given, own = self._grids(images_B3HW, warped_probabilities_BKhw, grid)
        cues = Cues(resample(torch.cat(maps, dim=1), given, own), feature_BChw)
        found = self.correct(self.normalize(images_B3HW), cues)
        logits = self.finish(resample(found.logits, own, given), warped_probabilities_BKhw)
        return RefinerOutput(logits, found.aux_logits)

    def finish(
        self, logits_BKhw: torch.Tensor, warped_probabilities_BKhw: torch.Tensor
    ) -> torch.Tensor:
        """Turn what `correct` gives, at the cells of the propagated maps, into class scores."""
        del warped_probabilities_BKhw
        return logits_BKhw

    def _grids(
        self, images: torch.Tensor, warped: torch.Tensor, grid: Grid | None
    ) -> tuple[Grid, Grid]:
        """Return the grid of the propagated maps, and the refiner's own."""
        image_size = (images.shape[-2], images.shape[-1])
        own = tuple((side - 1) // OUTPUT_STRIDE + 1 for side in image_size)
        given = grid or Grid.on_corners((warped.shape[-2], warped.shape[-1]), image_size)
        return given, Grid.on_corners((own[0], own[1]), image_size)

    def is_new(self, parameter_name: str) -> bool:
        """Tell whether a name of the state dict belongs to a part without copied weights."""
        return parameter_name.split(".", 1)[0] in self.new_names

    def new_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that start from random values."""
        return (value for name, value in self.named_parameters() if self.is_new(name))

    def copied_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that start as those of the segmentation network."""
        return (value for name, value in self.named_parameters() if not self.is_new(name))

    def drop_aux_head(self) -> None:
        """Remove the auxiliary heads for good."""
        self.aux = None
