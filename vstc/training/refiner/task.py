"""One step of the training of a refiner: propagate, refine, compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from vstc.inference.checkpoint import REFINER_SCHEMA
from vstc.inference.network_identity import NetworkIdentity
from vstc.inference.refiner_checkpoint import describe_refiner
from vstc.losses.refinement import fuse, refinement_terms
from vstc.models.grids import Grid, resample
from vstc.models.refiner import Refiner, RefinerOutput
from vstc.models.taps import TappedModel
from vstc.training.pairs.carried_batch import CarriedBatch, carry_batch, corner_grid
from vstc.training.pairs.samples import PairBatch
from vstc.training.pairs.targets import every_nth_pixel, labels_at
from vstc.training.refiner.settings import RefinerSettings
from vstc.training.step import ParameterGroup, StepLoss, TrainingTask


class RefinerTask(TrainingTask):
    """A refiner, the frozen network that it belongs to, and its loss.

    The network segments the key frames in eval mode; its results are carried to the current
    frames, which the refiner sees in training mode.

    Args:
        refiner: What is trained.
        network: The network, tapped where the refiner wants it; it is frozen.
        settings: The run's settings.
        identity: Which network it is, for the checkpoints.
    """

    schema = REFINER_SCHEMA

    def __init__(
        self,
        refiner: Refiner,
        network: TappedModel,
        settings: RefinerSettings,
        *,
        identity: NetworkIdentity,
    ) -> None:
        super().__init__()
        self.refiner = refiner
        self.settings = settings
        self._identity = identity
        # Kept out of the module tree: the network is not trained, saved or moved with it.
        self._network = [network.eval().requires_grad_(False)]

    def forward(self, batch: PairBatch) -> StepLoss:
        """Compute the loss of a batch."""
        settings = self.settings
        carried = carry_batch(self._network[0], batch, self.refiner, settings.propagation)
        output = self.refiner.refine(
            batch.current_B3HW,
            carried.probabilities_BKhw,
            carried.inconsistency_B1hw,
            carried.feature_BChw,
            residual_B1hw=carried.residual_B1hw,
            grid=carried.grid,
        )
        values = self._terms(batch, carried, output)
        weighted = {name: getattr(settings.weights, name) * value for name, value in values.items()}
        return StepLoss(
            total=torch.stack(list(weighted.values())).sum(),
            terms={name: value.detach() for name, value in values.items()},
            weighted=weighted,
            logits=output.logits,
        )

    @property
    def trained(self) -> Refiner:
        """The refiner."""
        return self.refiner

    @property
    def beside(self) -> Mapping[str, nn.Module]:
        """Nothing."""
        return {}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return copied layers at the base rate, new ones at 10x."""
        return [
            ParameterGroup(list(self.refiner.copied_parameters()), 1.0),
            ParameterGroup(list(self.refiner.new_parameters()), self.settings.head_lr),
        ]

    def describe(self) -> dict[str, Any]:
        """Return the refiner's architecture, its network, and how results were propagated."""
        propagation = self.settings.propagation.as_json()
        return {"refiner": describe_refiner(self.refiner, self._identity, propagation)}

    def after_step(self) -> None:
        """Do nothing."""

    def _terms(
        self, batch: PairBatch, carried: CarriedBatch, output: RefinerOutput
    ) -> dict[str, torch.Tensor]:
        """Compare at every n-th pixel, where the maps are read as if enlarged to the frame."""
        size = (batch.labels_BHW.shape[-2], batch.labels_BHW.shape[-1])
        pixels = every_nth_pixel(size, self.settings.loss_step)
        logits = output.logits.float()
        fused = fuse(carried.probabilities_BKhw, logits.softmax(dim=1), carried.inconsistency_B1hw)

        def read(maps: torch.Tensor, grid: Grid) -> torch.Tensor:
            return resample(maps.float(), grid, pixels)

        terms = refinement_terms(
            read(logits, carried.grid),
            read(fused, carried.grid),
            read(carried.inconsistency_B1hw, carried.grid),
            labels_at(
                batch,
                pixels,
                network=lambda images: self._network[0](images).logits,
                min_confidence=self.settings.min_confidence,
            ),
            aux_logits=[read(aux, corner_grid(aux, size)) for aux in output.aux_logits],
            gain=self.settings.gain,
        )
        return dict(vars(terms))
