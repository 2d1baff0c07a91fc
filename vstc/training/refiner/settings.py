"""Settings of the training of a refiner.

Paul et al. 2020 give no recipe; this one is ours.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vstc.config import Settings
from vstc.models.refiner_catalog import RefinerChoice
from vstc.propagation.settings import Carry, Mode, PropagateSettings, Refine
from vstc.training.pairs.settings import PairSettings


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


class RefinerSettings(PairSettings):
    """All that the training of a refiner depends on, apart from its inputs.

    Attributes:
        refiner: Which refiner.
        gain: How much more a pixel weighs in the attention term where it is doubted.
        weights: Weights of the terms.
        propagation: How predictions reach the frame.
    """

    refiner: ArchitectureSettings = ArchitectureSettings()
    gain: float = Field(4.0, ge=0)
    weights: RefinerTermWeights = RefinerTermWeights()
    propagation: RefinedPropagation = RefinedPropagation()

    @model_validator(mode="after")
    def _propagation_is_refined(self) -> Self:
        given = self.propagation
        if (
            given.refine not in {Refine.LAST, Refine.EVERY}
            or given.carry is not Carry.PROBABILITIES
        ):
            raise ValueError("propagation must be one that is refined: mode=evs, refine=every")
        return self
