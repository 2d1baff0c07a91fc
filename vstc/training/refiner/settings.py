"""Settings of the training of a refiner.

Paul et al. 2020 give no recipe; this one is ours.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vstc.config import Settings
from vstc.models.refiner_catalog import RefinerChoice
from vstc.propagation.settings import Carry, Mode, PropagateSettings, Refine
from vstc.training.settings import LoopSettings


class RefinedPropagation(PropagateSettings):
    """Propagation with a refiner on every frame."""

    mode: Mode = Mode.EVS
    refine: Refine = Refine.EVERY


class ArchitectureSettings(Settings):
    """Which refiner is trained; see ``vstc.models.refiner_catalog.RefinerChoice``.

    ``cut`` and ``predictions`` are ICNet's own, ``feature``, ``residual`` and ``width`` those of
    the refiner for any network.
    """

    name: Literal["auto", "icnet", "residual"] = "auto"
    cut: Literal["r1a", "r1b", "ra", "r3"] = "r1a"
    predictions: bool = False
    feature: bool = True
    residual: bool = False
    width: int = Field(128, ge=4, multiple_of=4)

    def choice(self) -> RefinerChoice:
        """Return the choice that the catalog takes."""
        return RefinerChoice(
            name=self.name,
            cut=self.cut,
            takes_predictions=self.predictions,
            takes_feature=self.feature,
            takes_residual=self.residual,
            width=self.width,
        )


class RefinerTermWeights(Settings):
    """Weights of the terms of ``vstc.losses.refinement``."""

    refiner: float = Field(1.0, ge=0)
    refined: float = Field(1.0, ge=0)
    attention: float = Field(1.0, ge=0)
    aux: float = Field(0.4, ge=0)


class RefinerSettings(LoopSettings):
    """All that the training of a refiner depends on, apart from its inputs.

    Attributes:
        checkpoint: Which weights of the network's run.
        refiner: Which refiner.
        targets: Frames to refine: ``labels`` those with labels, ``own`` any, labelled by the
            network itself, ``both`` half of either.
        min_confidence: The network's own label of a pixel counts from this probability on.
        still_share: Share of samples at distance 0, where nothing was propagated.
        gain: How much more a pixel weighs in the attention term where it is doubted.
        loss_step: Compare every n-th pixel of either direction.
        weights: Weights of the terms.
        propagation: How predictions reach the frame; distances are drawn from 1 to
            ``interval`` - 1.
        val_distances: Distances that are validated; none given takes 1, 2, 4 and so on, and the
            largest.
        val_frames: Labelled frames that are validated, spread evenly.
    """

    checkpoint: Literal["best", "last"] = "best"
    refiner: ArchitectureSettings = ArchitectureSettings()
    targets: Literal["labels", "own", "both"] = "labels"
    min_confidence: float = Field(0.0, ge=0, lt=1)
    still_share: float = Field(0.1, ge=0, le=1)
    gain: float = Field(4.0, ge=0)
    loss_step: int = Field(4, ge=1)
    weights: RefinerTermWeights = RefinerTermWeights()
    propagation: RefinedPropagation = RefinedPropagation()
    val_distances: tuple[int, ...] = ()
    val_frames: int = Field(100, ge=1)

    @model_validator(mode="after")
    def _propagation_is_refined(self) -> RefinerSettings:
        given = self.propagation
        if (
            given.refine not in {Refine.LAST, Refine.EVERY}
            or given.carry is not Carry.PROBABILITIES
        ):
            raise ValueError("propagation must be one that is refined: mode=evs, refine=every")
        if given.interval < 2:
            raise ValueError("propagation.interval must be at least 2: else nothing is propagated")
        if given.look_ahead:
            raise ValueError("propagation.look_ahead must be off: distances are to the past here")
        if self.val_distances and not 0 < min(self.val_distances) <= max(self.val_distances) < (
            given.interval
        ):
            raise ValueError(
                f"val_distances must lie between 1 and propagation.interval - 1 = "
                f"{given.interval - 1}"
            )
        return self

    @property
    def largest_distance(self) -> int:
        """Frames between a refined frame and its key frame, at most."""
        return self.propagation.interval - 1

    @property
    def validated_distances(self) -> tuple[int, ...]:
        """Distances to validate, in rising order."""
        if self.val_distances:
            return tuple(sorted(set(self.val_distances)))
        largest = self.largest_distance
        doubled = [2**n for n in range(largest.bit_length()) if 2**n <= largest]
        return tuple(sorted({*doubled, largest}))
