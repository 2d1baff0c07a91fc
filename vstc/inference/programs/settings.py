"""Settings of exporting."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vstc.config import Settings

_Side = Annotated[int, Field(ge=1)]
_Three = tuple[float, float, float]


class ExportSettings(Settings):
    """What is exported, and what is said of the program of others.

    ``size`` is height and width; without it the program takes images of any size. The rest
    describes a program that is there already: ``classes`` is a JSON file, ``order``, ``mean`` and
    ``std`` are those of RGB pixels of 0..255 (ImageNet's by default), ``align_corners`` tells how
    an output smaller than the input lies on it.
    """

    checkpoint: Literal["best", "last"] = "best"
    size: tuple[_Side, _Side] | None = None
    classes: str | None = None
    order: Literal["RGB", "BGR"] | None = None
    mean: _Three | None = None
    std: _Three | None = None
    input_scale: float | None = Field(None, gt=0)
    align_corners: bool | None = None

    def of_others(self) -> dict[str, object]:
        """Return the settings that describe a program of others, those that were given."""
        keys = ("classes", "order", "mean", "std", "input_scale", "align_corners")
        return {key: value for key in keys if (value := getattr(self, key)) is not None}
