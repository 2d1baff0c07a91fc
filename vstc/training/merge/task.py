"""One step of the training of a merging layer: propagate features, merge scores, compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from vstc.inference.checkpoint import MERGE_SCHEMA
from vstc.inference.merge_checkpoint import describe_merge
from vstc.inference.network_identity import NetworkIdentity
from vstc.losses.precision import full_precision
from vstc.models.grids import resample
from vstc.models.score_merge import ScoreMerge
from vstc.training.merge.branches import BranchScores
from vstc.training.merge.settings import MergeSettings
from vstc.training.pairs.samples import PairBatch
from vstc.training.pairs.targets import VOID, every_nth_pixel, labels_at
from vstc.training.step import ParameterGroup, StepLoss, TrainingTask


class GivesScores(Protocol):
    """Gives what is merged; see ``Branches``."""

    def scores(self, batch: PairBatch) -> BranchScores:
        """Run both networks on a batch."""

    def key_logits(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        """Return the key network's own logits."""


class MergeTask(TrainingTask):
    """A merging layer, the two frozen networks that it belongs to, and its loss.

    Jain et al. 2019 train it alone, by cross entropy. Beginning with the mean of both scores it
    needs no warm-up, unlike theirs: the loss is convex in it.

    Args:
        merge: What is trained.
        branches: Both networks.
        settings: The run's settings.
        network: Which key network it is, for the checkpoints.
        light: Which light network it is.
    """

    schema = MERGE_SCHEMA

    def __init__(
        self,
        merge: ScoreMerge,
        branches: GivesScores,
        settings: MergeSettings,
        *,
        network: NetworkIdentity,
        light: NetworkIdentity,
    ) -> None:
        super().__init__()
        self.merge = merge
        self.settings = settings
        self._branches = branches
        self._description = describe_merge(network, light, settings.propagation.as_json())

    def forward(self, batch: PairBatch) -> StepLoss:
        """Compute the loss of a batch, at every n-th pixel."""
        size = (batch.labels_BHW.shape[-2], batch.labels_BHW.shape[-1])
        pixels = every_nth_pixel(size, self.settings.loss_step)
        branches = self._branches.scores(batch)
        merged = _merged(self.merge, branches.carried_BKhw, branches.light_BKhw)
        labels = labels_at(
            batch,
            pixels,
            network=self._branches.key_logits,
            min_confidence=self.settings.min_confidence,
        )
        loss = _mean_entropy(resample(merged, branches.grid, pixels), labels)
        return StepLoss(
            total=loss, terms={"ce": loss.detach()}, weighted={"ce": loss}, logits=merged
        )

    @property
    def trained(self) -> ScoreMerge:
        """The layer."""
        return self.merge

    @property
    def beside(self) -> Mapping[str, nn.Module]:
        """Nothing."""
        return {}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return weights, and the bias at twice their rate."""
        factor, named = self.settings.head_lr, dict(self.merge.named_parameters())
        return [
            ParameterGroup([named["conv.weight"]], factor),
            ParameterGroup([named["conv.bias"]], 2 * factor),
        ]

    def describe(self) -> dict[str, Any]:
        """Return which networks it belongs to, and how features were propagated."""
        return {"merge": self._description}

    def after_step(self) -> None:
        """Do nothing."""


@full_precision
def _merged(merge: ScoreMerge, carried: torch.Tensor, light: torch.Tensor) -> torch.Tensor:
    """Merge outside autocast, as propagation does."""
    merged: torch.Tensor = merge(carried, light)
    return merged


@full_precision
def _mean_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross entropy of the pixels that have a class; 0 where none has."""
    ids = labels.long()
    total = F.cross_entropy(logits, ids, ignore_index=VOID, reduction="sum")
    return total / (ids != VOID).sum().clamp(min=1)
