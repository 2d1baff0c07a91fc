"""All refiners by name, and the one that fits a segmentation network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from vstc.errors import ConfigError, unknown_name
from vstc.models.catalog import create_model
from vstc.models.description import count_macs, count_parameters
from vstc.models.icnet import ICNet
from vstc.models.icnet_refiner import ICNetCut, ICNetRefiner
from vstc.models.multiply_adds import count_multiply_adds
from vstc.models.pixels import InputConvention
from vstc.models.refiner import OUTPUT_STRIDE, Refiner
from vstc.models.residual_refiner import ResidualRefiner
from vstc.models.segmentation_model import SegmentationModel
from vstc.models.taps import tapped_shape


@dataclass(frozen=True)
class RefinerChoice:
    """Which refiner a segmentation network gets.

    Attributes:
        name: ``auto`` takes ICNet's own for ICNet and the residual one for all others.
        cut: Where ICNet's own is cut.
        takes_predictions: Whether ICNet's own sees the propagated predictions.
        takes_feature: Whether the residual one takes the output of the network's `context_tap`.
        takes_residual: Whether the residual one takes the photometric residual.
        width: Width of the residual one.
    """

    name: str = "auto"
    cut: str = ICNetCut.R1A
    takes_predictions: bool = False
    takes_feature: bool = True
    takes_residual: bool = False
    width: int = 128


@dataclass(frozen=True)
class RefinerCost:
    """What a refiner costs beside its network, for one image.

    Attributes:
        network_gmacs: Multiply-adds of the network, in 10^9.
        refiner_gmacs: Multiply-adds of the refiner, in 10^9.
        num_parameters: Parameters of the refiner, without auxiliary heads.
        size: Image size (height, width) that the multiply-adds hold for.
    """

    network_gmacs: float
    refiner_gmacs: float
    num_parameters: int
    size: tuple[int, int]

    @property
    def ratio(self) -> float:
        """Multiply-adds of the refiner over those of the network; above 0.5 it hardly pays."""
        return self.refiner_gmacs / self.network_gmacs


def _residual(**arguments: Any) -> Refiner:
    pixels = arguments.pop("pixels")
    convention = InputConvention(
        order=pixels["order"], mean=tuple(pixels["mean"]), std=tuple(pixels["std"])
    )
    return ResidualRefiner(convention=convention, **arguments)


REFINERS: dict[str, Callable[..., Refiner]] = {
    ICNetRefiner.name: ICNetRefiner,
    ResidualRefiner.name: _residual,
}
AUTO = "auto"


def create_refiner(name: str, arguments: Mapping[str, Any], *, seed: int | None = None) -> Refiner:
    """Build a refiner with random weights, in training mode, on the CPU.

    Args:
        name: A key of `REFINERS`.
        arguments: `Refiner.arguments` of one like it.
        seed: Draw the weights from this seed and leave torch's global generator untouched; None
            draws from the global generator.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in REFINERS:
        raise unknown_name("refiner", name, REFINERS)
    if seed is None:
        return REFINERS[name](**arguments)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return REFINERS[name](**arguments)


def refiner_for(
    network: SegmentationModel, choice: RefinerChoice | None = None, *, seed: int | None = None
) -> Refiner:
    """Build the untrained refiner of a segmentation network.

    Args:
        network: The network; ICNet's own refiner copies its weights.
        choice: Which refiner.
        seed: As `create_refiner`.

    Raises:
        ConfigError: The name is unknown, or ICNet's refiner is wanted for another network.
    """
    choice = choice or RefinerChoice()
    is_icnet = isinstance(network, ICNet)
    name = choice.name
    if name == AUTO:
        name = ICNetRefiner.name if is_icnet else ResidualRefiner.name
    if name != ICNetRefiner.name:
        return create_refiner(name, _residual_arguments(network, choice), seed=seed)
    if not is_icnet:
        raise ConfigError(
            f"refiner icnet is made of parts of icnet, the network is {network.name}",
            hint="choose refiner residual",
        )
    arguments = {
        "num_classes": network.num_classes,
        "cut": choice.cut,
        "takes_predictions": choice.takes_predictions,
    }
    refiner = create_refiner(name, arguments, seed=seed)
    assert isinstance(refiner, ICNetRefiner)
    assert isinstance(network, ICNet)
    refiner.copy_weights(network)
    return refiner


def refiner_cost(
    refiner: Refiner, network: SegmentationModel, *, size: tuple[int, int]
) -> RefinerCost:
    """Count what a refiner and its network cost, without memory or time.

    Args:
        refiner: The refiner.
        network: The network of the catalog that it belongs to.
        size: Image size (height, width).
    """
    with torch.device("meta"):
        twin_network = create_model(network.name, num_classes=network.num_classes)
        twin = create_refiner(refiner.name, refiner.arguments).eval()
        twin.drop_aux_head()
        images = torch.zeros(1, 3, *size)
        cells = [(side - 1) // OUTPUT_STRIDE + 1 for side in size]
        warped, single = (torch.zeros(1, n, *cells) for n in (network.num_classes, 1))
        feature = None
        if refiner.tap is not None:
            feature = torch.zeros(tapped_shape(network, refiner.tap, (1, 3, *size)))

    with torch.no_grad():
        refiner_macs = count_multiply_adds(
            twin, lambda: twin(images, warped, single, feature, residual_B1hw=single)
        )
    return RefinerCost(
        network_gmacs=count_macs(twin_network, size=size) / 1e9,
        refiner_gmacs=refiner_macs / 1e9,
        num_parameters=count_parameters(twin),
        size=size,
    )


def _residual_arguments(network: SegmentationModel, choice: RefinerChoice) -> dict[str, Any]:
    tap = network.context_tap if choice.takes_feature else None
    return {
        "num_classes": network.num_classes,
        "tap": tap,
        "feature_channels": tapped_shape(network, tap)[1] if tap else None,
        "takes_residual": choice.takes_residual,
        "width": choice.width,
        "pixels": {
            "order": network.convention.order,
            "mean": list(network.convention.mean),
            "std": list(network.convention.std),
        },
    }
