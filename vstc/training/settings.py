"""Settings of a training run.

Every choice that a paper or the released code makes otherwise has a name here; the recipes at
the bottom set them all at once.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from vstc.config import Settings

Term = Literal["ce", "sf", "pf", "mf", "tl"]
TERMS: tuple[Term, ...] = ("ce", "sf", "pf", "mf", "tl")
GRID = 8


class TermWeights(Settings):
    """Weight of every loss term (Liu et al. 2020, Eq. 3: lambda 0.1)."""

    ce: float = Field(1.0, ge=0)
    sf: float = Field(0.1, ge=0)
    pf: float = Field(0.1, ge=0)
    mf: float = Field(0.1, ge=0)
    tl: float = Field(0.1, ge=0)


class TemporalSettings(Settings):
    """Temporal loss: Liu et al. 2022, Eq. 3 (``kl``), 2020, Eq. 1 (``l2``), or released code."""

    form: Literal["kl", "l2", "logit-mse"] = "kl"
    mask: Literal["l1", "etc", "fb", "none"] = "l1"
    border: Literal["ignore", "clamp"] = "ignore"
    pairs: Literal["last", "both"] = "last"
    stride: Literal[1, 8] = 1


class PairwiseSettings(Settings):
    """Pair-wise frames distillation: Liu et al. 2020, Eq. 2."""

    quantity: Literal["prob", "logit"] = "prob"
    norm: Literal["cosine", "etc"] = "cosine"


class MultiFrameSettings(Settings):
    """Multi-frame distillation through a ConvLSTM, with its guard against collapse."""

    pool: str = "adaptive:6"
    embed: Literal["h", "hc"] = "hc"
    reduce: Literal["sum", "mean"] = "sum"
    lstm: Literal["joint", "frozen"] = "joint"
    clip: float = Field(0.1, gt=0)
    enlarge: float = Field(0.1, ge=0)


class SingleFrameSettings(Settings):
    """Single-frame distillation."""

    form: Literal["kd", "kd+pa", "cwd", "dist"] = "kd"
    reduce: Literal["pixel", "etc"] = "pixel"


class LoopSettings(Settings):
    """What every training by the loop depends on, whatever is trained.

    Sizes are (height, width) in pixels of the network input; a crop side must be 8 n + 1, and
    ICNet is best off with 32 n + 1.
    """

    split: str | None = "train"
    val_split: str | None = "val"
    limit: int | None = Field(None, ge=1)
    seed: int = 0
    deterministic: bool = False

    crop: tuple[int, int] = (769, 769)
    scale: tuple[float, float] = (0.5, 2.0)
    flip: float = Field(0.5, ge=0, le=1)
    rotate: float = Field(0.0, ge=0)
    blur: float = Field(0.0, ge=0, le=1)
    color: float = Field(0.0, ge=0, le=1)

    steps: int = Field(20000, ge=1)
    batch: int = Field(8, ge=2)
    lr: float = Field(0.01, gt=0)
    head_lr: float = Field(10.0, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0)
    power: float = Field(0.9, ge=0)
    amp: Literal["auto", "off"] = "auto"

    validate_every: int = Field(500, ge=1)
    val_limit: int | None = Field(None, ge=1)
    log_every: int = Field(20, ge=1)
    gradient_norms_every: int = Field(0, ge=0)
    checkpoint_every: int = Field(200, ge=1)
    cache_mib: int = Field(512, ge=0)

    @field_validator("crop")
    @classmethod
    def _crop_fits_grid(cls, crop: tuple[int, int]) -> tuple[int, int]:
        for side in crop:
            if side < GRID + 1 or (side - 1) % GRID:
                near = max(1, round((side - 1) / GRID)) * GRID + 1
                raise ValueError(f"a crop side must be 8 n + 1, for instance {near}")
        return crop

    @field_validator("scale")
    @classmethod
    def _scale_is_ordered(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not 0 < scale[0] <= scale[1]:
            raise ValueError("give the lower and the upper factor, both above 0")
        return scale


class TrainSettings(LoopSettings):
    """All that the training of a network depends on, apart from its inputs.

    ``aux_weight`` is the weight of every auxiliary head in place of the network's own: 0.4, and
    0.16 and 0.4 for ICNet.
    """

    model: str = "pspnet18"
    init: str | None = None
    input_scale: float = Field(1.0, gt=0, le=4)

    aux_weight: float | None = Field(None, ge=0)
    class_weights: Literal["none", "cityscapes"] = "none"
    ohem: str | None = None
    bn_batches: Literal["joint", "per-frame"] = "joint"

    terms: tuple[Term, ...] = ("ce",)
    weights: TermWeights = TermWeights()
    tl: TemporalSettings = TemporalSettings()
    pf: PairwiseSettings = PairwiseSettings()
    mf: MultiFrameSettings = MultiFrameSettings()
    sf: SingleFrameSettings = SingleFrameSettings()
    sampling: Literal["symmetric", "independent", "adjacent"] = "independent"
    gap: int = Field(2, ge=1)
    frames: Literal[2, 3] = 3
    temporal_share: float | None = Field(None, ge=0, le=1)
    temporal_anchors: Literal["labelled", "any"] = "labelled"
    ratio: tuple[int, int] = (1, 1)

    @field_validator("ohem")
    @classmethod
    def _ohem_is_a_pair(cls, ohem: str | None) -> str | None:
        if ohem is not None and not re.fullmatch(r"(0|1|0?\.\d+):\d+", ohem):
            raise ValueError("give threshold:pixels, for instance 0.7:100000")
        return ohem

    @field_validator("ratio")
    @classmethod
    def _ratio_counts(cls, ratio: tuple[int, int]) -> tuple[int, int]:
        if min(ratio) < 0 or max(ratio) == 0:
            raise ValueError("give two whole numbers, labelled : pseudo, not both 0")
        return ratio

    @model_validator(mode="after")
    def _terms_are_unique(self) -> TrainSettings:
        if not self.terms or len(set(self.terms)) != len(self.terms):
            raise ValueError("terms must be named once each, at least one")
        return self

    @property
    def needs_neighbours(self) -> bool:
        """Tell whether a term compares frames."""
        return bool({"pf", "mf", "tl"} & set(self.terms))

    @property
    def needs_past(self) -> bool:
        """Tell whether samples are triplets rather than pairs."""
        pairs_suffice = not {"pf", "mf"} & set(self.terms) and self.tl.pairs == "last"
        return self.needs_neighbours and self.frames == 3 and not pairs_suffice


# What the papers and the released training code set; everything else is the default above.
RECIPES: dict[str, dict[str, Any]] = {
    "liu2022": {
        "crop": (769, 769),
        "scale": (0.5, 2.1),
        "weights": {"tl": 0.1, "pf": 0.1, "mf": 0.1},
        "tl": {"form": "kl", "pairs": "last"},
        "mf": {"reduce": "sum"},
    },
    "liu2020": {
        "crop": (769, 769),
        "scale": (0.5, 2.0),
        "weights": {"tl": 0.1, "pf": 0.1, "mf": 0.1, "sf": 0.1},
        "tl": {"form": "l2", "pairs": "both"},
        "mf": {"reduce": "sum"},
    },
    "etc-code": {
        "crop": (769, 769),
        "scale": (0.5, 2.0),
        "rotate": 10.0,
        "blur": 0.5,
        "class_weights": "cityscapes",
        "weights": {"tl": 0.1},
        "tl": {"form": "logit-mse", "mask": "etc", "border": "clamp", "pairs": "last"},
        "pf": {"quantity": "logit", "norm": "etc"},
        "mf": {"reduce": "mean", "enlarge": 0.0, "pool": "kernel:16"},
        "sf": {"form": "kd+pa", "reduce": "etc"},
        "sampling": "symmetric",
    },
}
