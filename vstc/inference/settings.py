"""Settings of prediction, of pseudo labels and of efficiency figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from vstc.config import Settings


class PredictSettings(Settings):
    """How every frame is predicted on its own.

    ``format`` is what the label maps hold: ``ids`` of the classes, or the label ids that the
    server of ``cityscapes`` wants. ``limit`` counts clips; of a pipe or a camera, frames.
    """

    split: str | None = None
    checkpoint: Literal["best", "last"] = "best"
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    confidence: bool = False
    overlay: bool = False
    probabilities: bool = False
    format: Literal["ids", "cityscapes"] = "ids"
    batch: int = Field(1, ge=1)
    limit: int | None = Field(None, ge=1)

    @field_validator("scales")
    @classmethod
    def _scales_are_positive(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if not scales or min(scales) <= 0:
            raise ValueError("give at least one factor, all above 0")
        return scales


class PseudoLabelSettings(Settings):
    """How a teacher labels frames.

    ``min_confidence`` is ``none``, ``fixed:P`` (a pixel is kept from confidence P on) or
    ``class-median`` (from min(0.9, the median confidence of the pixels predicted as its class)
    on, which keeps rare classes).
    """

    split: str | None = None
    checkpoint: Literal["best", "last"] = "best"
    scales: tuple[float, ...] = (0.75, 1.0, 1.5)
    flip: bool = True
    min_confidence: str = "class-median"
    include_labelled: bool = False
    batch: int = Field(1, ge=1)
    limit: int | None = Field(None, ge=1)

    @field_validator("min_confidence")
    @classmethod
    def _rule_is_known(cls, rule: str) -> str:
        name, _, value = rule.partition(":")
        if rule in {"none", "class-median"}:
            return rule
        try:
            if name == "fixed" and 0 <= float(value) <= 1:
                return rule
        except ValueError:
            pass
        raise ValueError("use none, class-median, or fixed:P with P in 0..1")

    @field_validator("scales")
    @classmethod
    def _scales_are_positive(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if not scales or min(scales) <= 0:
            raise ValueError("give at least one factor, all above 0")
        return scales


_Side = Annotated[int, Field(ge=1)]


class EfficiencySettings(Settings):
    """What of a network is measured, and where.

    ``size`` is height and width of the frames. Each part is called at least ``calls`` times and
    for ``seconds``, after a warm-up; ``threads`` are torch's on the CPU.
    """

    checkpoint: Literal["best", "last"] = "best"
    size: tuple[_Side, _Side] = (1024, 2048)
    batch: int = Field(1, ge=1)
    device: str = "auto"
    threads: int | None = Field(None, ge=1)
    warm_up_calls: int = Field(3, ge=0)
    warm_up_seconds: float = Field(0.5, ge=0)
    calls: int = Field(10, ge=1)
    seconds: float = Field(2.0, ge=0)
