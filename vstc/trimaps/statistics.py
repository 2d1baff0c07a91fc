"""What is known of the trimaps of a track when all are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vstc.trimaps.object_trimap import ObjectTrimap
from vstc.trimaps.values import BACKGROUND, FOREGROUND, UNKNOWN


@dataclass(frozen=True)
class TrimapCounts:
    """Pixels of one trimap in the whole frame."""

    background: int
    unknown: int
    foreground: int


def count_values(one: ObjectTrimap, *, pixels: int) -> TrimapCounts:
    """Count the pixels of a trimap.

    Args:
        one: The object.
        pixels: Of the whole frame.
    """
    values = one.trimap.values
    foreground = int(np.count_nonzero(values == FOREGROUND))
    unknown = int(np.count_nonzero(values == UNKNOWN))
    inside = int(np.count_nonzero(values == BACKGROUND))
    return TrimapCounts(inside + pixels - values.size, unknown, foreground)


class FrameRanges:
    """Frame numbers as ranges, so that long videos take no more room than short ones."""

    def __init__(self) -> None:
        self.count = 0
        self._ranges: list[list[int]] = []

    def add(self, index: int) -> None:
        """Add a frame; they come in order."""
        self.count += 1
        if self._ranges and self._ranges[-1][1] == index - 1:
            self._ranges[-1][1] = index
        else:
            self._ranges.append([index, index])

    def as_json(self) -> dict[str, Any]:
        """Return how many, and the ranges with both ends included."""
        return {"frames": self.count, "ranges": self._ranges}


@dataclass
class Spread:
    """Mean, least and greatest of a stream of numbers."""

    total: float = 0.0
    count: int = 0
    low: float = np.inf
    high: float = -np.inf

    def add(self, value: float) -> None:
        """Add a number."""
        self.total, self.count = self.total + value, self.count + 1
        self.low, self.high = min(self.low, value), max(self.high, value)

    def as_json(self) -> dict[str, float] | None:
        """Return the three; None when there were no numbers."""
        if not self.count:
            return None
        return {"mean": round(self.total / self.count, 3), "min": self.low, "max": self.high}


@dataclass
class TrackStatistics:
    """Gathers what is known of a track, frame by frame in order."""

    absent: FrameRanges = field(default_factory=FrameRanges)
    kept_core: FrameRanges = field(default_factory=FrameRanges)
    kept_background: FrameRanges = field(default_factory=FrameRanges)
    without: dict[str, FrameRanges] = field(
        default_factory=lambda: {
            name: FrameRanges() for name in ("background", "unknown", "foreground")
        }
    )
    pixels: dict[str, Spread] = field(
        default_factory=lambda: {name: Spread() for name in ("background", "unknown", "foreground")}
    )
    widths: dict[str, Spread] = field(default_factory=dict)
    narrowest: float | None = None
    most_parts: int = 0

    def add_absent(self, index: int) -> None:
        """Count a frame without the object."""
        self.absent.add(index)

    def add(self, index: int, one: ObjectTrimap, counts: TrimapCounts) -> None:
        """Count a frame with the object."""
        for name, value in vars(counts).items():
            self.pixels[name].add(value)
            if not value:
                self.without[name].add(index)
        for name, width in one.rule.widths.items():
            self.widths.setdefault(name, Spread()).add(width)
        if one.kept.parts:
            self.kept_core.add(index)
            self.most_parts = max(self.most_parts, one.kept.parts)
            radii = [r for r in (self.narrowest, one.kept.radius) if r is not None]
            self.narrowest = min(radii, default=None)
        if one.kept.is_background_kept:
            self.kept_background.add(index)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; frames are counted from 0."""
        kept = {"most_parts": self.most_parts, "narrowest_radius": self.narrowest}
        return {
            "absent": self.absent.as_json(),
            "kept_core": self.kept_core.as_json() | kept,
            "kept_background": self.kept_background.as_json(),
            "pixels": {name: spread.as_json() for name, spread in self.pixels.items()},
            "widths": {name: spread.as_json() for name, spread in self.widths.items()},
            "without": {name: ranges.as_json() for name, ranges in self.without.items()},
        }
