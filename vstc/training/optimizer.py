"""SGD with faster heads and the poly schedule, as all papers of the family train."""

from __future__ import annotations

import torch
from torch import nn

from vstc.models.segmentation_model import SegmentationModel
from vstc.training.settings import TrainSettings


def make_optimizer(
    model: SegmentationModel, extra: nn.Module | None, settings: TrainSettings
) -> torch.optim.SGD:
    """Build SGD with the backbone at the base rate and the heads (ppm, cls, aux) at 10x.

    Args:
        model: The network.
        extra: Further parameters at the base rate, such as the ConvLSTM; None for none.
        settings: Rates, momentum and weight decay.
    """
    groups = [
        {"params": list(model.backbone_parameters()), "factor": 1.0},
        {"params": list(model.head_parameters()), "factor": settings.head_lr},
    ]
    trained = [p for p in extra.parameters() if p.requires_grad] if extra is not None else []
    if trained:
        groups.append({"params": trained, "factor": 1.0})
    return torch.optim.SGD(
        groups, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )


def poly_rate(step: int, settings: TrainSettings) -> float:
    """Return the base rate at a step: lr (1 - step / steps)^power."""
    left = 1.0 - step / settings.steps
    return float(settings.lr * left**settings.power)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the base rate; every group keeps its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
