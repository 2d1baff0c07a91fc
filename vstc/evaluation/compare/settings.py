"""Settings of ``vstc evaluate compare``."""

from __future__ import annotations

from pydantic import Field

from vstc.config import Settings


class CompareSettings(Settings):
    """How runs are compared.

    Attributes:
        names: Artifact by the name that its run shall have.
        scores: Scores to show; empty for all that a run has.
        allow_different: Compare runs too that were judged differently.
        resamples: Draws of clips for an interval; 0 gives no intervals.
        level: Share of the draws that an interval holds.
        seed: Seed of the draws.
    """

    names: dict[str, str] = {}
    scores: tuple[str, ...] = ()
    allow_different: bool = False
    resamples: int = Field(2000, ge=0)
    level: float = Field(0.95, gt=0, lt=1)
    seed: int = Field(0, ge=0)
