"""SGD with faster heads and the poly schedule, as all papers of the family train."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from vstc.training.settings import LoopSettings
from vstc.training.step import ParameterGroup


def make_optimizer(groups: Iterable[ParameterGroup], settings: LoopSettings) -> torch.optim.SGD:
    """Build SGD; groups without parameters are left out.

    Args:
        groups: Parameters and the factors of their rates.
        settings: Rates, momentum and weight decay.
    """
    return torch.optim.SGD(
        [
            {"params": list(group.parameters), "factor": group.factor}
            for group in groups
            if group.parameters
        ],
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )


def poly_rate(step: int, settings: LoopSettings) -> float:
    """Return the base rate at a step: lr (1 - step / steps)^power."""
    left = 1.0 - step / settings.steps
    return float(settings.lr * left**settings.power)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the base rate; every group keeps its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
