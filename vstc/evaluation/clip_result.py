"""What is counted of one clip, and its form on disk, so that finished clips can be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.consistency import ClipCounts, PairConsistency


@dataclass(frozen=True)
class ClipResult:
    """What is counted of one clip; plain enough to be kept in a JSON file.

    Attributes:
        clip_id: The clip.
        size: Height and width of the labels; None when no frame was read.
        confusion: (K + 1, K + 1) counts, rows true, columns predicted; None without a label.
        n_labelled: Frames with label and prediction.
        consistency: Counts of neighbouring predictions; None for clips whose frames do not
            follow one another, or without a pair.
        flow_size: Height and width of the flow before it was fitted to the labels.
        pair_indices: Place of the earlier frame of each pair.
        n_skipped_pairs: Neighbours of which one has no prediction.
    """

    clip_id: str
    size: tuple[int, int] | None
    confusion: NDArray[np.int64] | None
    n_labelled: int
    consistency: ClipCounts | None
    flow_size: tuple[int, int] | None
    pair_indices: tuple[int, ...]
    n_skipped_pairs: int

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        pairs = self.consistency.pairs if self.consistency else []
        return {
            "clip": self.clip_id,
            "size": self.size,
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "n_labelled": self.n_labelled,
            "consistency": self.consistency.counts.tolist() if self.consistency else None,
            "flow_size": self.flow_size,
            "pairs": [
                [index, pair.accuracy, pair.n_valid]
                for index, pair in zip(self.pair_indices, pairs, strict=True)
            ],
            "n_skipped_pairs": self.n_skipped_pairs,
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> ClipResult:
        """Read what ``as_json`` made."""
        pairs = [PairConsistency(accuracy, n_valid) for _, accuracy, n_valid in value["pairs"]]
        confusion, consistency = value["confusion"], value["consistency"]
        return ClipResult(
            clip_id=value["clip"],
            size=_size(value["size"]),
            confusion=None if confusion is None else np.array(confusion, np.int64),
            n_labelled=value["n_labelled"],
            consistency=(
                None if consistency is None else ClipCounts(np.array(consistency, np.int64), pairs)
            ),
            flow_size=_size(value["flow_size"]),
            pair_indices=tuple(index for index, _, _ in value["pairs"]),
            n_skipped_pairs=value["n_skipped_pairs"],
        )


def _size(value: list[int] | None) -> tuple[int, int] | None:
    return (value[0], value[1]) if value else None
