"""Temporal consistency: predicted labels against those of the next frame, moved along flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from vstc.data.labels import VOID
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part, Value
from vstc.formats.dataset import Clip
from vstc.metrics.confusion import AbsentClass
from vstc.metrics.consistency import ClipCounts, PairConsistency, TemporalConsistency

TOTALS = ("tc", "tc_seq", "tc_acc")
_PAIR_COLUMNS = ("accuracy", "valid_pixels")


class ConsistencyGroup(MetricGroup):
    """TC over the pairs of neighbouring predictions.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        absent: What a class scores that occurs nowhere.
    """

    is_temporal = True
    needs_flow = True

    def __init__(self, num_classes: int, *, absent: AbsentClass = AbsentClass.NULL) -> None:
        self.num_classes = num_classes
        self.absent = absent

    def counter(self, clip: Clip) -> ConsistencyCounter:
        """Start to count a clip."""
        return ConsistencyCounter(self, clip)

    def gatherer(self) -> ConsistencyGatherer:
        """Start to add up clips."""
        return ConsistencyGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(
            totals=TOTALS, clips=("pairs", "skipped_pairs", "tc", "tc_acc"), pairs=_PAIR_COLUMNS
        )

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        tc = {"mode": "nearest", "direction": "next", "border": "ignore", "occlusion": "none"}
        return {"tc": tc}

    def start(self) -> TemporalConsistency:
        """Start to count pairs."""
        return TemporalConsistency(self.num_classes, VOID)


class ConsistencyCounter:
    """Counts one clip."""

    def __init__(self, group: ConsistencyGroup, clip: Clip) -> None:
        self._clip = clip
        self._consistency = group.start()
        self._pairs: list[list[Value]] = []
        self._flow_size: tuple[int, int] | None = None

    def update(self, frame: JudgedFrame) -> None:
        """Count the pair of a frame and the one before it."""
        if frame.previous is None or frame.flow is None:
            return
        pair = self._consistency.update(
            self._clip.id,
            labels_prev=frame.previous.predicted,
            labels_next=frame.predicted,
            flow_prev_to_next=frame.flow.prev_to_next(),
        )
        self._flow_size = frame.flow.source_size
        self._pairs.append([frame.previous.index, pair.accuracy, pair.n_valid])

    def result(self) -> Part:
        """Return counts, and accuracy and valid pixels of every pair."""
        counts = self._consistency.clips.get(self._clip.id)
        return {
            "counts": counts.counts.tolist() if counts else None,
            "pairs": self._pairs,
            "skipped_pairs": len(self._clip.frames) - 1 - len(self._pairs),
            "flow_size": self._flow_size,
        }


class ConsistencyGatherer:
    """Adds up clips."""

    def __init__(self, group: ConsistencyGroup) -> None:
        self._group = group
        self._consistency = group.start()
        self._skipped_pairs = 0
        self._flow_sizes: set[tuple[int, int]] = set()

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        self._skipped_pairs += part["skipped_pairs"]
        pairs, tc, tc_acc = part["pairs"], None, None
        if part["counts"] is not None:
            height, width = part["flow_size"]
            self._flow_sizes.add((height, width))
            counted = [PairConsistency(accuracy, n_valid) for _, accuracy, n_valid in pairs]
            counts = ClipCounts(np.array(part["counts"], np.int64), counted)
            self._consistency.add(clip.id, counts)
            alone = self._group.start()
            alone.add(clip.id, counts)
            scores = alone.scores(self._group.absent)
            tc, tc_acc = scores.tc, scores.tc_acc
        return ClipRows(
            clip={
                "pairs": len(pairs),
                "skipped_pairs": part["skipped_pairs"],
                "tc": tc,
                "tc_acc": tc_acc,
            },
            pairs={
                index: dict(zip(_PAIR_COLUMNS, values, strict=True)) for index, *values in pairs
            },
        )

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        scores = self._consistency.scores(self._group.absent)
        return GroupScores(
            totals={"tc": scores.tc, "tc_seq": scores.tc_seq, "tc_acc": scores.tc_acc},
            counts={
                "pairs": scores.n_pairs,
                "valid_pairs": scores.n_valid_pairs,
                "valid_pair_pixels": scores.n_valid_pixels,
                "skipped_pairs": self._skipped_pairs,
            },
            per_class={"tc": scores.per_class},
            extra={
                "flow_sizes": [f"{width}x{height}" for height, width in sorted(self._flow_sizes)]
            },
        )
