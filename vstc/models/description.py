"""How large a network is: parameters and multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vstc.models.catalog import create_model
from vstc.models.multiply_adds import count_multiply_adds
from vstc.models.segmentation_model import SegmentationModel


@dataclass(frozen=True)
class ModelDescription:
    """The size of a network.

    Attributes:
        name: Name in the catalog.
        num_classes: Number of classes.
        num_parameters: All parameters, the auxiliary head included.
        num_parameters_inference: Parameters without the auxiliary head.
        num_tensors: Length of the state dict.
        gmacs: Multiply-adds for one image, without the auxiliary head, in 10^9.
        size: Image size (height, width) that `gmacs` holds for.
    """

    name: str
    num_classes: int
    num_parameters: int
    num_parameters_inference: int
    num_tensors: int
    gmacs: float
    size: tuple[int, int]


def describe_model(name: str, *, num_classes: int, size: tuple[int, int]) -> ModelDescription:
    """Measure a network without memory or time: shapes only, no values.

    Args:
        name: A key of `MODELS`.
        num_classes: Number of classes.
        size: Image size (height, width).

    Raises:
        ConfigError: The name is unknown.
    """
    with torch.device("meta"):
        model = create_model(name, num_classes=num_classes)
    num_parameters = count_parameters(model)
    num_aux = 0 if model.aux is None else count_parameters(model.aux)
    return ModelDescription(
        name=name,
        num_classes=num_classes,
        num_parameters=num_parameters,
        num_parameters_inference=num_parameters - num_aux,
        num_tensors=len(model.state_dict()),
        gmacs=count_macs(model, size=size) / 1e9,
        size=size,
    )


def count_parameters(module: nn.Module) -> int:
    """Count the trainable values of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(model: SegmentationModel, *, size: tuple[int, int]) -> int:
    """Count the multiply-adds of one eval pass; see ``count_multiply_adds``.

    Args:
        model: The network; on the device `meta` nothing is computed.
        size: Image size (height, width).

    Returns:
        Multiply-adds for one image.
    """
    was_training = model.training
    images = torch.zeros(1, 3, *size, device=model.pixel_mean.device)
    try:
        with torch.no_grad():
            return count_multiply_adds(model, lambda: model.eval()(images))
    finally:
        model.train(was_training)
