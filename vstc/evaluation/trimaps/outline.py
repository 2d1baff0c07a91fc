"""Tsb of a trimap's two outlines: of all that may be foreground, and of what surely is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, Part
from vstc.evaluation.groups.stability import StabilityGatherer, StabilityGroup
from vstc.evaluation.trimaps.settings import OutlineSettings
from vstc.formats.dataset import Clip

UNKNOWN_ID, FOREGROUND_ID = 1, 2
# The mask of each score, by the ids that are in it.
OUTLINES = {"tsb": (UNKNOWN_ID, FOREGROUND_ID), "tsb_core": (FOREGROUND_ID,)}
_MASKS = {"tsb": "unknown and foreground", "tsb_core": "foreground"}
Value = TypeVar("Value")


class OutlineGroup(StabilityGroup):
    """Tsb of one mask made of some of the three classes.

    Args:
        name: Name of the score, a key of ``OUTLINES``.
        settings: Scale and size.
    """

    def __init__(self, name: str, settings: OutlineSettings) -> None:
        super().__init__(3, class_ids=(), settings=settings.of_one_mask())
        self.name = name
        self._table = np.zeros(256, np.uint8)
        self._table[list(OUTLINES[name])] = 1

    def masks(self, labels: NDArray[np.uint8]) -> dict[int, NDArray[np.bool_]]:
        """Return the mask, if there is any of it."""
        return super().masks(self._table[labels])

    def gatherer(self) -> OutlineGatherer:
        """Start to add up sequences."""
        return OutlineGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(
            totals=(self.name,), clips=(self.name, f"{self.name}_valid_pairs"), pairs=(self.name,)
        )

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        choices = dict(super().protocol()["tsb"])
        del choices["classes"]
        return {self.name: choices | {"target": _MASKS[self.name]}}

    def renamed(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Call values of Tsb by the name of this score."""
        return {self.name + key.removeprefix("tsb"): value for key, value in values.items()}


class OutlineGatherer(StabilityGatherer):
    """Adds up sequences under the name of the score."""

    def __init__(self, group: OutlineGroup) -> None:
        super().__init__(group)
        self._named = group

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a sequence."""
        rows, rename = super().add(clip, part), self._named.renamed
        pairs = {index: rename(values) for index, values in rows.pairs.items()}
        return ClipRows(clip=rename(rows.clip), pairs=pairs)

    def scores(self) -> GroupScores:
        """Read the scores of all sequences."""
        scores, rename = super().scores(), self._named.renamed
        return GroupScores(totals=rename(scores.totals), counts=rename(scores.counts))


def outline_groups(settings: OutlineSettings) -> dict[str, StabilityGroup]:
    """Make a group for each of the two outlines."""
    return {name: OutlineGroup(name, settings) for name in OUTLINES}
