"""Settings of ``vstc trimap export``."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from vstc.config import Settings
from vstc.trimaps.kept_core import DEFAULT_SHARE
from vstc.trimaps.rules import RuleName

DEFAULT_RADIUS = 10.0
WIDEST_RADIUS = 1000.0


class SourceFormat(StrEnum):
    """What trimaps are made from.

    ``AUTO``: an artifact of ``vstc instances``. The others are PNG files in folders: ``IDS``: a
    value is an object, or a class; ``MASKS``: everything but 0 is one object; ``ALPHA``: mattes;
    ``PROBABILITIES``: 0 to 1 as 0 to 255.
    """

    AUTO = "auto"
    IDS = "ids"
    MASKS = "masks"
    ALPHA = "alpha"
    PROBABILITIES = "probabilities"


class SizeFrom(StrEnum):
    """Which size a relative radius is relative to: constant in time, or of each frame."""

    TRACK = "track"
    FRAME = "frame"


class Absent(StrEnum):
    """What stands for a frame without the object."""

    ZERO = "zero"
    SKIP = "skip"


class ExportSettings(Settings):
    """How trimaps are made and what is written.

    Attributes:
        format: What the source is.
        rule: ``band`` for export; the others draw widths as matting networks do in training.
        radius: Of the band, in pixels; None is 10 unless ``relative`` is given.
        relative: Radius as a share of the square root of the object's area.
        relative_to: The mean over the track, which keeps the width constant, or each frame's.
        redraw: Draw the widths of the training rules anew in every frame, not once per track.
        core_share: Share of each connected part that stays foreground; 0 lets parts vanish.
        smallest_part: Parts with fewer pixels may vanish.
        neighbours: Make what belongs to another object background.
        smooth: Take the median over three frames along optical flow.
        flow_method: Method for flow that is computed; None is dis-medium.
        absent: What stands for a frame without the object.
        merged: Write one trimap of all objects, too.
        first_masks: Write the mask of the first frame of each object, too.
        overlay: Write a video of the frames with the trimaps.
        min_score: Leave out masks with a lower score.
        tracks: Only these tracks; None is all.
        limit: Use the first so many clips.
        seed: Of the draws.
    """

    format: SourceFormat = SourceFormat.AUTO
    rule: RuleName = RuleName.BAND
    radius: float | None = Field(None, ge=0, le=WIDEST_RADIUS, allow_inf_nan=False)
    relative: float | None = Field(None, gt=0, le=1, allow_inf_nan=False)
    relative_to: SizeFrom = SizeFrom.TRACK
    redraw: bool = False
    core_share: float = Field(DEFAULT_SHARE, ge=0, le=1)
    smallest_part: int = Field(1, ge=1)
    neighbours: bool = True
    smooth: bool = False
    flow_method: str | None = None
    absent: Absent = Absent.ZERO
    merged: bool = False
    first_masks: bool = True
    overlay: bool = False
    min_score: float = Field(0.0, ge=0, le=1)
    tracks: tuple[int, ...] | None = None
    limit: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)

    @field_validator("tracks", mode="before")
    @classmethod
    def _parse_tracks(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        parts = [parts] if isinstance(parts, int) else parts
        return None if parts is None else tuple(sorted({int(part) for part in parts}))

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if self.radius is not None and self.relative is not None:
            raise ValueError("give radius or relative, not both")
        has_width = self.radius is not None or self.relative is not None
        if has_width and self.rule is not RuleName.BAND:
            raise ValueError(f"rule {self.rule} draws its widths; only band takes one")
        return self

    @property
    def band_radius(self) -> float:
        """The radius in pixels, where it is not relative."""
        return DEFAULT_RADIUS if self.radius is None else self.radius
