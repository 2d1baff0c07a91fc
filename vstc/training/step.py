"""What the training loop asks of a task: the loss of a batch, and what to train, save and name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import nn


class AnyBatch(Protocol):
    """A batch of any task."""

    @property
    def num_images(self) -> int:
        """How many images it holds."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""

    def pinned(self) -> Self:
        """Return the batch in page-locked memory."""


@dataclass(frozen=True)
class StepLoss:
    """The loss of one step.

    Attributes:
        total: Weighted sum of the terms, to call ``backward`` on.
        terms: Unweighted value of each term, without gradient.
        weighted: Weighted terms with gradient, by name.
        logits: The trained network's logits, for gradient norms.
    """

    total: torch.Tensor
    terms: dict[str, torch.Tensor]
    weighted: dict[str, torch.Tensor]
    logits: torch.Tensor


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate: ``factor`` times the base rate."""

    parameters: Sequence[nn.Parameter]
    factor: float


class TrainingTask(nn.Module, ABC):
    """What is trained, and how; called with a batch it returns a ``StepLoss``.

    Attributes:
        schema: Schema of its checkpoints.
    """

    schema: str

    @property
    @abstractmethod
    def trained(self) -> nn.Module:
        """The network whose weights are the result."""

    @property
    @abstractmethod
    def beside(self) -> Mapping[str, nn.Module]:
        """Further modules that learn, by their names in a checkpoint that can be resumed."""

    @abstractmethod
    def parameter_groups(self) -> list[ParameterGroup]:
        """Return all that is trained."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint says of the network, plain values by name."""

    @abstractmethod
    def after_step(self) -> None:
        """Do what must follow an optimizer step."""


def gradient_norms(loss: StepLoss) -> dict[str, float]:
    """Measure each weighted term's gradient at the logits, so that a dead term is seen.

    A term that acts on features alone (mf) has none there and is left out.
    """
    norms: dict[str, float] = {}
    for name, value in loss.weighted.items():
        if not value.requires_grad:
            continue
        (gradient,) = torch.autograd.grad(value, loss.logits, retain_graph=True, allow_unused=True)
        if gradient is not None:
            norms[name] = float(gradient.norm())
    return norms
