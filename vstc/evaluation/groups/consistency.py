"""Temporal consistency: predicted labels against those of the next frame, moved along flow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import VOID
from vstc.evaluation.flow_sources.source import FlowNeeds
from vstc.evaluation.frame import JudgedFrame, PairFlow
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part, Value
from vstc.formats.dataset import Clip
from vstc.metrics.agreement import Agreement
from vstc.metrics.confusion import AbsentClass, mean_of_known
from vstc.metrics.consistency import TemporalConsistency
from vstc.metrics.consistency_modes import read_agreement
from vstc.metrics.consistency_protocol import ConsistencyProtocol, Direction
from vstc.metrics.jitter import jitter

TOTALS = ("tc", "tc_seq", "tc_acc", "jitter", "jitter_drop")
_PAIR_COLUMNS = ("accuracy", "valid_pixels")


class ConsistencyGroup(MetricGroup):
    """TC over the pairs of neighbouring predictions.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        choices: How labels are moved and counted.
        absent: What a class scores that occurs nowhere.
    """

    is_temporal = True

    def __init__(
        self,
        num_classes: int,
        *,
        choices: ConsistencyProtocol,
        absent: AbsentClass = AbsentClass.NULL,
    ) -> None:
        self.num_classes = num_classes
        self.choices = choices
        self.flow_needs = FlowNeeds(
            prev_to_next=choices.needs_prev_to_next,
            next_to_prev=choices.needs_next_to_prev,
            visibility=choices.needs_visibility,
        )
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
            totals=TOTALS,
            clips=("pairs", "skipped_pairs", "tc", "tc_acc", "jitter", "jitter_drop"),
            pairs=_PAIR_COLUMNS,
        )

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {"tc": self.choices.as_json()}

    def read(self, counts: NDArray[np.int64]) -> Agreement:
        """Read the scores from counts."""
        return read_agreement(self.choices, counts, absent=self.absent)


class ConsistencyCounter:
    """Counts one clip."""

    def __init__(self, group: ConsistencyGroup, clip: Clip) -> None:
        self._clip = clip
        self._choices = group.choices
        self._consistency = TemporalConsistency(group.num_classes, VOID, protocol=group.choices)
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
            **self._motion(frame.flow),
        )
        self._flow_size = frame.flow.source_size
        self._pairs.append([frame.previous.index, pair.accuracy, pair.n_valid])

    def _motion(self, flow: PairFlow) -> dict[str, Any]:
        """Fetch the flow and the mask that the protocol needs, and no more."""
        choices = self._choices
        found: dict[str, Any] = {}
        if choices.needs_prev_to_next:
            found["flow_prev_to_next"] = flow.prev_to_next()
        if choices.needs_next_to_prev:
            found["flow_next_to_prev"] = flow.next_to_prev()
        if choices.needs_visibility:
            is_next = choices.direction is Direction.NEXT
            name = "visible_prev" if is_next else "visible_next"
            found[name] = flow.visible_prev() if is_next else flow.visible_next()
        return found

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
        self._counts = np.zeros((group.num_classes + 1,) * 2, np.int64)
        self._by_clip: list[float | None] = []
        self._jitter: list[float | None] = []
        self._drops: list[float | None] = []
        self._num = dict.fromkeys(("pairs", "valid_pairs", "skipped_pairs"), 0)
        self._flow_sizes: set[tuple[int, int]] = set()

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        del clip
        pairs, tc, tc_acc = part["pairs"], None, None
        self._num["pairs"] += len(pairs)
        self._num["valid_pairs"] += sum(n_valid > 0 for _, _, n_valid in pairs)
        self._num["skipped_pairs"] += part["skipped_pairs"]
        if part["counts"] is not None:
            height, width = part["flow_size"]
            self._flow_sizes.add((height, width))
            counts = np.array(part["counts"], np.int64)
            self._counts += counts
            scores = self._group.read(counts)
            tc, tc_acc = scores.tc, scores.tc_acc
            self._by_clip.append(tc)
        unevenness = jitter([accuracy for _, accuracy, _ in pairs])
        self._jitter.append(unevenness.deviation)
        self._drops.append(unevenness.largest_drop)
        return ClipRows(
            clip={
                "pairs": len(pairs),
                "skipped_pairs": part["skipped_pairs"],
                "tc": tc,
                "tc_acc": tc_acc,
                "jitter": unevenness.deviation,
                "jitter_drop": unevenness.largest_drop,
            },
            pairs={
                index: dict(zip(_PAIR_COLUMNS, values, strict=True)) for index, *values in pairs
            },
        )

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        scores = self._group.read(self._counts)
        means = {
            "tc_seq": mean_of_known(self._by_clip),
            "jitter": mean_of_known(self._jitter),
            "jitter_drop": mean_of_known(self._drops),
        }
        sizes = [f"{width}x{height}" for height, width in sorted(self._flow_sizes)]
        return GroupScores(
            totals={"tc": scores.tc, "tc_acc": scores.tc_acc} | means,
            counts=self._num | {"valid_pair_pixels": scores.n_pixels},
            per_class={"tc": scores.per_class, "tc_pixels": _union(self._counts)},
            extra={"flow_sizes": sizes},
        )


def _union(counts: NDArray[np.int64]) -> list[int]:
    """Count the pixels behind each class: those that carry it in either frame of a pair."""
    union = counts.sum(axis=0) + counts.sum(axis=1) - np.diagonal(counts)
    return [int(pixels) for pixels in union[:-1]]
