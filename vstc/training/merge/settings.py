"""Settings of the training of a merging layer, those of Accel (Jain et al. 2019) where it fits."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from vstc.propagation.settings import Mode, PropagateSettings
from vstc.training.pairs.settings import PairSettings


class FusedPropagation(PropagateSettings):
    """Propagation of features, merged with a light network."""

    mode: Mode = Mode.FUSION


class MergeSettings(PairSettings):
    """All that the training of a merging layer depends on, apart from its inputs.

    Attributes:
        head_lr: Factor of the rate of the layer's weights; its bias gets twice that.
        propagation: How features reach the frame.
    """

    crop: tuple[int, int] = (769, 1025)
    scale: tuple[float, float] = (1.0, 1.0)
    steps: int = Field(10000, ge=1)
    batch: int = Field(2, ge=2)
    lr: float = Field(5e-4, gt=0)
    head_lr: float = Field(2.0, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    still_share: float = Field(0.0, ge=0, le=1)
    propagation: FusedPropagation = FusedPropagation()

    @model_validator(mode="after")
    def _propagation_is_fused(self) -> Self:
        if self.propagation.mode is not Mode.FUSION or not self.propagation.warp:
            raise ValueError("propagation must be one that merges: mode=fusion, warp=true")
        return self
