"""Settings of ``vstc flow precompute``."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from vstc.config import Settings
from vstc.flow.pipeline import FlowPlan
from vstc.flow.providers import CatalogProvider, make_provider
from vstc.formats.flow.hdf5 import Compression, FlowDirection


class PrecomputeSettings(Settings):
    """What flow to compute, and of which clips.

    Attributes:
        method: Name in the catalog of flow methods.
        params: Parameters of the method that differ from its own.
        directions: ``next-to-prev`` (propagation needs it), ``prev-to-next``, or both.
        gaps: Distances between the frames of a pair.
        scale: Frames are shrunk by this first; vectors are in pixels of the shrunken grid.
        compression: ``fast``, or ``small`` for files that are a fifth smaller.
        split: Splits to use, comma separated; None is all.
        limit: Use the first so many clips.
        include_sparse: Take clips too whose frames lie far apart in time.
    """

    method: str = "dis-medium"
    params: dict[str, Any] = {}
    directions: tuple[FlowDirection, ...] = tuple(FlowDirection)
    gaps: tuple[int, ...] = (1,)
    scale: float = Field(1.0, gt=0, le=1)
    compression: Compression = Compression.FAST
    split: str | None = None
    limit: int | None = None
    include_sparse: bool = False

    @field_validator("directions", mode="before")
    @classmethod
    def _parse_directions(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else value
        known = [str(direction) for direction in FlowDirection]
        parsed = [str(name).strip().replace("-", "_") for name in names]
        for name in parsed:
            if name not in known:
                raise ValueError("directions are next-to-prev and prev-to-next")
        # In a fixed order, so that the same choice gives the same files.
        return tuple(name for name in known if name in parsed)

    @field_validator("gaps", mode="before")
    @classmethod
    def _parse_gaps(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        parts = [parts] if isinstance(parts, int) else parts
        gaps = sorted({int(part) for part in parts})
        if not gaps or gaps[0] < 1:
            raise ValueError("gaps are whole numbers from 1 on, such as 1,2")
        return tuple(gaps)

    def make_provider(self) -> CatalogProvider:
        """Choose the method.

        Raises:
            ConfigError: An unknown name or parameter.
        """
        return make_provider(self.method, self.params)

    def make_plan(self, *, workers: int | None) -> FlowPlan:
        """Return what the pipeline is to do."""
        return FlowPlan(
            directions=self.directions,
            gaps=self.gaps,
            scale=self.scale,
            compression=self.compression,
            include_sparse=self.include_sparse,
            workers=workers,
        )
