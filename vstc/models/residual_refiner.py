"""A refiner for any segmentation network: what it computes is added to the propagated scores.

Paul et al. 2020 build their refiner out of parts of ICNet; this one knows nothing of the network
but, where it declares one, the channels of an inner map. The layers are our choice.

Shapes: B images, h x w cells of the quarter grid, K classes, W the width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from vstc.models.conv_norm import ConvNorm
from vstc.models.pixels import InputConvention
from vstc.models.refiner import Cues, Refiner, RefinerOutput
from vstc.models.resnet import initialize_convolutions

SMALLEST_PROBABILITY = 1e-6


class ResidualRefiner(Refiner):
    """Logits log(P_warped + 1e-6) + correction; the correction of a new refiner is zero.

    A detail branch sees the frame down to 1/8. The context is the propagated feature, or the
    propagated maps where there is none; both are added at 1/8. At 1/4 that sum, the detail of the
    same resolution and the propagated maps give the correction.

    Args:
        num_classes: Number of classes K.
        convention: Pixel statistics.
        tap: Module whose propagated output is the feature; None for none.
        feature_channels: Channels of the feature; None without one.
        takes_residual: It takes the photometric residual.
        width: Channels W where context and detail meet, a multiple of 4.
    """

    name = "residual"

    def __init__(
        self,
        *,
        num_classes: int,
        convention: InputConvention,
        tap: str | None,
        feature_channels: int | None,
        takes_residual: bool,
        width: int,
    ) -> None:
        super().__init__(
            num_classes=num_classes, convention=convention, tap=tap, takes_residual=takes_residual
        )
        self.feature_channels = feature_channels
        self.width = width
        half, quarter = width // 2, width // 4
        num_maps = num_classes + 1 + int(takes_residual)
        self.detail = nn.Sequential(
            ConvNorm(3, quarter, stride=2), ConvNorm(quarter, half, stride=2)
        )
        self.coarse_detail = ConvNorm(half, half, stride=2)
        self.context = ConvNorm(feature_channels or num_maps, width, kernel_size=1)
        self.context_proj = nn.Sequential(
            ConvNorm(width, width, dilation=2, groups=width),
            ConvNorm(width, width, kernel_size=1, is_activated=False),
        )
        self.detail_proj = ConvNorm(half, width, kernel_size=1, is_activated=False)
        self.skip = ConvNorm(half, quarter, kernel_size=1)
        self.head = nn.Sequential(
            ConvNorm(width + quarter + num_maps, half, kernel_size=1),
            ConvNorm(half, half, groups=half),
            ConvNorm(half, half, kernel_size=1),
        )
        initialize_convolutions(self)
        self.cls = zero_classifier(half, num_classes)
        self.aux = nn.Conv2d(width, num_classes, kernel_size=1)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What `create_refiner` builds the same refiner from."""
        return {
            "num_classes": self.num_classes,
            "tap": self.tap,
            "feature_channels": self.feature_channels,
            "takes_residual": self.takes_residual,
            "width": self.width,
            "pixels": asdict(self.convention),
        }

    @property
    def new_names(self) -> tuple[str, ...]:
        """All parts."""
        return tuple(name for name, _ in self.named_children())

    def correct(self, pixels_B3HW: torch.Tensor, cues: Cues) -> RefinerOutput:
        """Return what to add to the propagated scores, at a quarter of the image."""
        detail = self.detail(pixels_B3HW)
        coarse = self.coarse_detail(detail)
        context = cues.maps_BNhw if cues.feature_BChw is None else cues.feature_BChw
        context = _resized(self.context(_at_most(context, coarse)), coarse)
        fused = F.relu(self.context_proj(context) + self.detail_proj(coarse))
        joined = [_resized(fused, detail), self.skip(detail), cues.maps_BNhw]
        correction = self.cls(self.head(torch.cat(joined, dim=1)))
        aux_logits = (self.aux(fused),) if self.training and self.aux is not None else ()
        return RefinerOutput(correction, aux_logits)

    def finish(
        self, logits_BKhw: torch.Tensor, warped_probabilities_BKhw: torch.Tensor
    ) -> torch.Tensor:
        """Add the correction to the propagated scores."""
        return (warped_probabilities_BKhw.float() + SMALLEST_PROBABILITY).log() + logits_BKhw


def zero_classifier(in_channels: int, num_classes: int) -> nn.Conv2d:
    """Build a 1x1 convolution that gives zero until it is trained."""
    layer = nn.Conv2d(in_channels, num_classes, kernel_size=1)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _resized(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Resize bilinearly to the size of another map, corners on corners."""
    size = like.shape[-2:]
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=True)


def _at_most(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Shrink a map that is finer than another, so that a layer on it costs no more."""
    return _resized(maps, like) if maps.shape[-1] > like.shape[-1] else maps
