"""Flicker of predicted labels, without flow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from vstc.data.labels import VOID
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part
from vstc.formats.dataset import Clip
from vstc.metrics.flicker import (
    RATES,
    FlickerCounter,
    FlickerCounts,
    FlickerScores,
    flicker_scores,
)

TOTALS = (*RATES, "area_flicker")


class FlickerGroup(MetricGroup):
    """How often labels change, flip back, or change in area; smaller is steadier.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        excluded: Ids of classes that the mean area flicker leaves out.
    """

    needs_truth = True  # for the excess change rate, where there are labels
    is_temporal = True

    def __init__(self, num_classes: int, *, excluded: Collection[int] = ()) -> None:
        self.num_classes = num_classes
        self.excluded = tuple(excluded)

    def counter(self, clip: Clip) -> ClipFlickerCounter:
        """Start to count a clip."""
        del clip
        return ClipFlickerCounter(self.num_classes)

    def gatherer(self) -> FlickerGatherer:
        """Start to add up clips."""
        return FlickerGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(totals=TOTALS, clips=TOTALS, pairs=RATES)

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {}

    def scores_of(self, clips: list[FlickerCounts]) -> FlickerScores:
        """Read the scores of some clips."""
        return flicker_scores(clips, num_classes=self.num_classes, excluded=self.excluded)


class ClipFlickerCounter:
    """Counts one clip."""

    def __init__(self, num_classes: int) -> None:
        self._counter = FlickerCounter(num_classes, void=VOID)
        self._pairs: list[list[Any]] = []

    def update(self, frame: JudgedFrame) -> None:
        """Count a frame and its change from the one before it."""
        if frame.previous is None:
            self._counter.break_off()
        step = self._counter.update(frame.predicted, frame.true)
        if frame.previous is not None:
            rates = [getattr(step, name) for name in RATES]
            self._pairs.append([frame.previous.index, *rates])

    def result(self) -> Part:
        """Return counts, and the rates of every pair."""
        return {"clip": self._counter.clip.as_json(), "pairs": self._pairs}


class FlickerGatherer:
    """Adds up clips."""

    def __init__(self, group: FlickerGroup) -> None:
        self._group = group
        self._clips: list[FlickerCounts] = []

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        del clip
        counts = FlickerCounts.from_json(part["clip"])
        self._clips.append(counts)
        return ClipRows(
            clip=_totals(self._group.scores_of([counts])),
            pairs={index: dict(zip(RATES, rates, strict=True)) for index, *rates in part["pairs"]},
        )

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        scores = self._group.scores_of(self._clips)
        return GroupScores(
            totals=_totals(scores), per_class={"area_flicker": scores.per_class_area_flicker}
        )


def _totals(scores: FlickerScores) -> dict[str, float | None]:
    return {name: getattr(scores, name) for name in TOTALS}
