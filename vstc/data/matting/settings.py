"""Settings of ``vstc data index matting``."""

from __future__ import annotations

from pydantic import Field

from vstc.config import Settings


class MattingSettings(Settings):
    """How foregrounds are put over backgrounds.

    Attributes:
        name: Name of the data set; default: of the folder.
        backgrounds_each: Frames per foreground, each over another background.
        trimap_radius: The unknown band reaches so many pixels from where alpha is a fraction.
        split: Split of all clips.
        seed: Seed of the choice of backgrounds.
    """

    name: str | None = None
    backgrounds_each: int = Field(5, ge=1)
    trimap_radius: int = Field(10, ge=0)
    split: str = "all"
    seed: int = 0
