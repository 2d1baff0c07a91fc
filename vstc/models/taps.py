"""Run a network and keep an inner map of it, such as the context that a refiner reuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from vstc.errors import unknown_name
from vstc.models.catalog import create_model
from vstc.models.segmentation_model import SegmentationModel

_SMALL_IMAGE = (1, 3, 65, 65)


@dataclass(frozen=True)
class TappedOutput:
    """What a tapped network returns.

    Attributes:
        logits: Class scores (B, K, h, w) at the network's output stride.
        feature: Output (B, C, h', w') of the tapped module; None without a tap.
    """

    logits: torch.Tensor
    feature: torch.Tensor | None


class TappedModel(nn.Module):
    """A network that returns the output of one of its modules beside its logits.

    Run from one thread at a time: the map is handed over through the object.

    Args:
        model: The network.
        tap: Name of the module, as in `model.named_modules()`; a network's `context_tap` is the
            one that its refiner wants. None taps nothing.

    Raises:
        ConfigError: There is no such module.
    """

    def __init__(self, model: SegmentationModel, tap: str | None) -> None:
        super().__init__()
        self.model = model
        self.tap = tap
        self._feature: torch.Tensor | None = None
        self._hook: RemovableHandle | None = None
        if tap is not None:
            modules = dict(model.named_modules())
            if not tap or tap not in modules:
                raise unknown_name(f"module of {model.name}", tap, filter(None, modules))
            self._hook = modules[tap].register_forward_hook(self._keep)

    def forward(self, images: torch.Tensor) -> TappedOutput:
        """Return logits and the tapped map.

        Args:
            images: RGB (B, 3, H, W), uint8 or float, 0..255.
        """
        logits = self.model(images).logits
        feature, self._feature = self._feature, None
        return TappedOutput(logits, feature)

    def release(self) -> None:
        """Take the hook off the network; no map is kept from then on."""
        if self._hook is not None:
            self._hook.remove()

    def _keep(self, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        self._feature = output


def tapped_shape(
    model: SegmentationModel, tap: str, image_shape: tuple[int, ...] = _SMALL_IMAGE
) -> tuple[int, ...]:
    """Return the shape of a tapped map without computing it.

    Args:
        model: A network of the catalog.
        tap: Name of the module.
        image_shape: (B, 3, H, W).

    Raises:
        ConfigError: There is no such module.
    """
    with torch.device("meta"), torch.no_grad():
        twin = create_model(model.name, num_classes=model.num_classes).eval()
        feature = TappedModel(twin, tap)(torch.zeros(image_shape)).feature
    assert feature is not None
    return tuple(feature.shape)
