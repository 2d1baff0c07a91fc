"""Temporal consistency TC: do labels stay with what they stand on from frame to frame.

Liu et al. 2020, Eq. 5 and 6, in the fair form: labels of the next frame are warped onto the
previous one with forward flow and nearest sampling, pixels that leave the frame or carry no
class do not count, and one confusion matrix gathers all pairs. The released code of the paper
interpolates class indices and is not comparable (a perfectly steady clip gets about 0.8 there).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.confusion import (
    AbsentClass,
    fold,
    joint_histogram,
    mean_of_known,
    scores_from_counts,
)
from vstc.metrics.warping import warp_labels_next_to_prev

NO_LABEL = 255


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
        counts: (num_classes + 1, num_classes + 1) int64, rows earlier frame, columns later one.
        pairs: Its pairs in time order.
    """

    counts: NDArray[np.int64]
    pairs: list[PairConsistency] = field(default_factory=list)


class TemporalConsistency:
    """Accumulate TC over the pairs of neighbouring frames of many clips.

    Ids that are neither a class, ``ignore_index`` nor 255 ("no label") agree with nothing.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        ignore_index: Id that makes a pixel invalid, in either frame.

    Attributes:
        clips: What was counted, by clip id.
    """

    def __init__(self, num_classes: int, ignore_index: int = NO_LABEL) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.clips: dict[str, ClipCounts] = {}

    def update(
        self,
        clip_id: str,
        *,
        labels_prev: NDArray[np.uint8],
        labels_next: NDArray[np.uint8],
        flow_prev_to_next: NDArray[np.float32],
        visible_prev: NDArray[np.bool_] | None = None,
    ) -> PairConsistency:
        """Count one pair; the pairs of a clip come in time order.

        Args:
            clip_id: The clip that the pair belongs to.
            labels_prev: Ids of the earlier frame, (H, W).
            labels_next: Ids of the later frame, (H, W).
            flow_prev_to_next: Flow on the grid of the earlier frame, (H, W, 2), pixels.
            visible_prev: Pixels of the earlier frame that are still seen in the later one;
                the others do not count. None counts all.
        """
        ignored = (self.ignore_index, NO_LABEL)
        warped = warp_labels_next_to_prev(labels_next, flow_prev_to_next, fill=NO_LABEL)
        if visible_prev is not None:
            warped[~visible_prev] = NO_LABEL
        counts = fold(
            joint_histogram(labels_prev, warped),
            num_classes=self.num_classes,
            ignored_rows=ignored,
            ignored_columns=ignored,
        )
        n_valid = int(counts.sum())
        agreeing = int(np.trace(counts[: self.num_classes, : self.num_classes]))
        pair = PairConsistency(agreeing / n_valid if n_valid else None, n_valid)
        clip = self._clip(clip_id)
        clip.counts += counts
        clip.pairs.append(pair)
        return pair

    def merge(self, later: TemporalConsistency) -> None:
        """Add another part; its pairs of a shared clip follow the ones that are here."""
        if (self.num_classes, self.ignore_index) != (later.num_classes, later.ignore_index):
            raise ValueError("consistency over different class tables cannot be merged")
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
        pooled = scores_from_counts(
            sum(counts, start=np.zeros((size, size), np.int64)), absent=absent
        )
        pairs = [pair for clip in self.clips.values() for pair in clip.pairs]
        per_clip = {name: _clip_scores(clip, absent) for name, clip in self.clips.items()}
        return ConsistencyScores(
            tc=pooled.miou,
            tc_seq=mean_of_known([clip.tc for clip in per_clip.values()]),
            tc_acc=pooled.aacc,
            per_class=pooled.per_class_iou,
            per_clip=per_clip,
            n_pairs=len(pairs),
            n_valid_pairs=sum(pair.n_valid > 0 for pair in pairs),
            n_valid_pixels=pooled.n_pixels,
        )

    def _clip(self, clip_id: str) -> ClipCounts:
        size = self.num_classes + 1
        return self.clips.setdefault(clip_id, ClipCounts(np.zeros((size, size), np.int64)))


def _clip_scores(clip: ClipCounts, absent: AbsentClass | str) -> ClipConsistencyScores:
    scores = scores_from_counts(clip.counts, absent=absent)
    return ClipConsistencyScores(
        tc=scores.miou,
        tc_acc=scores.aacc,
        per_class=scores.per_class_iou,
        pairs=tuple(clip.pairs),
    )
