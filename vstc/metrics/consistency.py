"""Temporal consistency TC: do labels stay with what they stand on from frame to frame.

Liu et al. 2020, Eq. 5 and 6. The default is the fair form: labels of the next frame are warped
onto the previous one with forward flow and nearest sampling, pixels that leave the frame or carry
no class do not count, and one confusion matrix gathers all pairs. A ``ConsistencyProtocol``
chooses another form, among them what released code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.agreement import Agreement
from vstc.metrics.confusion import AbsentClass, kept_classes, mean_of_known
from vstc.metrics.consistency_modes import NO_LABEL, count_moved, move_labels, read_agreement
from vstc.metrics.consistency_protocol import ConsistencyProtocol, Direction, Occlusion
from vstc.metrics.occlusion import visible_by_flow

Labels = NDArray[np.uint8]
Flow = NDArray[np.float32]
Mask = NDArray[np.bool_]
_DEFAULT = ConsistencyProtocol()


@dataclass(frozen=True)
class PairConsistency:
    """Agreement of one pair of frames.

    Attributes:
        accuracy: Share of the valid pixels that agree; None without a valid pixel.
        n_valid: Pixels that count.
    """

    accuracy: float | None
    n_valid: int


@dataclass(frozen=True)
class ClipConsistencyScores:
    """Consistency of one clip: TC, pixel accuracy, IoU by class id, and its pairs in order."""

    tc: float | None
    tc_acc: float | None
    per_class: tuple[float | None, ...]
    pairs: tuple[PairConsistency, ...]


@dataclass(frozen=True)
class ConsistencyScores:
    """Consistency of a data set, in [0, 1]; None where nothing could be counted.

    Attributes:
        tc: Mean class IoU of the counts of all pairs together.
        tc_seq: Mean over clips of the clip's TC (Liu et al. 2020, Eq. 6).
        tc_acc: Share of the valid pixels that agree.
        per_class: IoU by class id, all pairs together.
        per_clip: Scores by clip id.
        n_pairs: Pairs that were given.
        n_valid_pairs: Pairs with a valid pixel.
        n_valid_pixels: Pixels that count.
    """

    tc: float | None
    tc_seq: float | None
    tc_acc: float | None
    per_class: tuple[float | None, ...]
    per_clip: Mapping[str, ClipConsistencyScores]
    n_pairs: int
    n_valid_pairs: int
    n_valid_pixels: int


@dataclass
class ClipCounts:
    """What is counted of one clip.

    Attributes:
        counts: (num_classes + 1, num_classes + 1) int64, rows labels of the frame that others
            are brought to, columns moved labels; made and read by ``consistency_modes``.
        pairs: Its pairs in time order.
    """

    counts: NDArray[np.int64]
    pairs: list[PairConsistency] = field(default_factory=list)


class TemporalConsistency:
    """Accumulate TC over the pairs of neighbouring frames of many clips.

    Unless the mode has its own rule, ids that are neither a class, ``ignore_index`` nor 255
    ("no label") agree with nothing.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        ignore_index: Id that makes a pixel invalid, in either frame.
        protocol: How labels are moved and counted.

    Attributes:
        clips: What was counted, by clip id.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int = NO_LABEL,
        *,
        protocol: ConsistencyProtocol = _DEFAULT,
    ) -> None:
        kept_classes(num_classes, protocol.excluded)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.protocol = protocol
        self.clips: dict[str, ClipCounts] = {}

    def update(
        self,
        clip_id: str,
        *,
        labels_prev: Labels,
        labels_next: Labels,
        flow_prev_to_next: Flow | None = None,
        flow_next_to_prev: Flow | None = None,
        visible_prev: Mask | None = None,
        visible_next: Mask | None = None,
    ) -> PairConsistency:
        """Count one pair; the pairs of a clip come in time order.

        The protocol says which flow and which mask it needs.

        Args:
            clip_id: The clip that the pair belongs to.
            labels_prev: Ids of the earlier frame, (H, W).
            labels_next: Ids of the later frame, (H, W).
            flow_prev_to_next: Flow on the grid of the earlier frame, (H, W, 2), pixels.
            flow_next_to_prev: Flow on the grid of the later frame, (H, W, 2), pixels.
            visible_prev: Pixels of the earlier frame that are still seen in the later one,
                (H, W); the others do not count. For direction ``next`` with ``mask``.
            visible_next: Pixels of the later frame that were seen in the earlier one, (H, W).
                For direction ``prev`` with ``mask``.

        Raises:
            ValueError: What the protocol needs is missing, a mask is given that it does not
                use, or sizes differ.
        """
        if self.protocol.direction is Direction.NEXT:
            target, source, visible = labels_prev, labels_next, visible_prev
            there, back = flow_prev_to_next, flow_next_to_prev
        else:
            target, source, visible = labels_next, labels_prev, visible_next
            there, back = flow_next_to_prev, flow_prev_to_next
        if there is None:
            raise ValueError(f"direction {self.protocol.direction} needs the flow of its target")
        is_masked = visible_prev is not None or visible_next is not None
        if is_masked and not self.protocol.needs_visibility:
            raise ValueError(f"a mask is given, but occlusion is {self.protocol.occlusion}")
        moved = move_labels(self.protocol, source, there)
        seen = self._seen(there, back, visible)
        if seen is not None:
            moved[~seen] = NO_LABEL
        counts = count_moved(
            self.protocol,
            target,
            moved,
            num_classes=self.num_classes,
            ignore_index=self.ignore_index,
        )
        agreement = self._read(counts, AbsentClass.NULL)
        pair = PairConsistency(agreement.tc_acc, agreement.n_pixels)
        clip = self._clip(clip_id)
        clip.counts += counts
        clip.pairs.append(pair)
        return pair

    def merge(self, later: TemporalConsistency) -> None:
        """Add another part; its pairs of a shared clip follow the ones that are here."""
        if (self.num_classes, self.ignore_index) != (later.num_classes, later.ignore_index):
            raise ValueError("consistency over different class tables cannot be merged")
        if self.protocol != later.protocol:
            raise ValueError("consistency by different protocols cannot be merged")
        for clip_id, part in later.clips.items():
            self.add(clip_id, part)

    def add(self, clip_id: str, part: ClipCounts) -> None:
        """Add what was counted of a clip; its pairs follow the ones that are here."""
        clip = self._clip(clip_id)
        clip.counts += part.counts
        clip.pairs += part.pairs

    def scores(self, absent: AbsentClass | str = AbsentClass.NULL) -> ConsistencyScores:
        """Read the scores from the counts."""
        size = self.num_classes + 1
        counts = [clip.counts for clip in self.clips.values()]
        pooled = self._read(sum(counts, start=np.zeros((size, size), np.int64)), absent)
        pairs = [pair for clip in self.clips.values() for pair in clip.pairs]
        per_clip = {name: self._clip_scores(clip, absent) for name, clip in self.clips.items()}
        return ConsistencyScores(
            tc=pooled.tc,
            tc_seq=mean_of_known([clip.tc for clip in per_clip.values()]),
            tc_acc=pooled.tc_acc,
            per_class=pooled.per_class,
            per_clip=per_clip,
            n_pairs=len(pairs),
            n_valid_pairs=sum(pair.n_valid > 0 for pair in pairs),
            n_valid_pixels=pooled.n_pixels,
        )

    def _seen(self, there: Flow, back: Flow | None, visible: Mask | None) -> Mask | None:
        """Return which pixels of the target count; None when all do."""
        occlusion = self.protocol.occlusion
        if occlusion is Occlusion.MASK and visible is None:
            raise ValueError("occlusion by mask needs the visible pixels of the target")
        if occlusion is not Occlusion.FB:
            return visible
        if back is None:
            raise ValueError("the occlusion check needs the flow there and back")
        return visible_by_flow(there, back)

    def _clip(self, clip_id: str) -> ClipCounts:
        size = self.num_classes + 1
        return self.clips.setdefault(clip_id, ClipCounts(np.zeros((size, size), np.int64)))

    def _clip_scores(self, clip: ClipCounts, absent: AbsentClass | str) -> ClipConsistencyScores:
        scores = self._read(clip.counts, absent)
        return ClipConsistencyScores(
            tc=scores.tc,
            tc_acc=scores.tc_acc,
            per_class=scores.per_class,
            pairs=tuple(clip.pairs),
        )

    def _read(self, counts: NDArray[np.int64], absent: AbsentClass | str) -> Agreement:
        return read_agreement(self.protocol, counts, absent=absent)
