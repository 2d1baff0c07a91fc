"""Settings of trainings on pairs: a frame, and an earlier one that something is carried from."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vstc.propagation.settings import PropagateSettings
from vstc.training.settings import LoopSettings


class PairSettings(LoopSettings):
    """What the training of a refiner and of a merging layer both depend on.

    Attributes:
        checkpoint: Which weights of the runs of networks.
        targets: Frames to learn from: ``labels`` those with labels, ``own`` any, labelled by the
            network itself, ``both`` half of either.
        min_confidence: The network's own label of a pixel counts from this probability on.
        still_share: Share of samples at distance 0, where nothing was propagated.
        loss_step: Compare every n-th pixel of either direction.
        propagation: How results reach the frame; distances are drawn from 1 to ``interval`` - 1.
        val_distances: Distances that are validated; none given takes 1, 2, 4 and so on, and the
            largest.
        val_frames: Labelled frames that are validated, spread evenly.
    """

    checkpoint: Literal["best", "last"] = "best"
    targets: Literal["labels", "own", "both"] = "labels"
    min_confidence: float = Field(0.0, ge=0, lt=1)
    still_share: float = Field(0.1, ge=0, le=1)
    loss_step: int = Field(4, ge=1)
    propagation: PropagateSettings = PropagateSettings()
    val_distances: tuple[int, ...] = ()
    val_frames: int = Field(100, ge=1)

    @model_validator(mode="after")
    def _distances_fit(self) -> Self:
        given = self.propagation
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
        """Frames between a frame and its key frame, at most."""
        return self.propagation.interval - 1

    @property
    def validated_distances(self) -> tuple[int, ...]:
        """Distances to validate, in rising order."""
        if self.val_distances:
            return tuple(sorted(set(self.val_distances)))
        largest = self.largest_distance
        doubled = [2**n for n in range(largest.bit_length()) if 2**n <= largest]
        return tuple(sorted({*doubled, largest}))
