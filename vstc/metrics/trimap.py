"""IoU of trimaps: background, unknown and foreground (Liu et al. 2022, Table X)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.confusion import fold, joint_histogram, mean_of_known, scores_from_counts

Trimap = NDArray[np.uint8]
VALUES = (0, 128, 255)
_RANK = np.full(256, 3, np.uint8)
_RANK[list(VALUES)] = (0, 1, 2)


@dataclass(frozen=True)
class TrimapScores:
    """Scores in [0, 1]; None where nothing could be counted.

    Attributes:
        background: IoU of the background, mean over the widths.
        unknown: IoU of the unknown band, mean over the widths.
        foreground: IoU of the foreground, mean over the widths.
        per_width: IoU of background, unknown and foreground by width.
    """

    background: float | None
    unknown: float | None
    foreground: float | None
    per_width: Mapping[str, tuple[float | None, ...]]

    @property
    def miou(self) -> float | None:
        """Mean of the three."""
        return mean_of_known([self.background, self.unknown, self.foreground])


class TrimapIou:
    """Count predicted trimaps against true ones of several widths of the unknown band.

    Trimaps hold 0 (background), 128 (unknown) and 255 (foreground). A predicted value that is
    none of these is a miss.

    Args:
        widths: Names of the widths, such as narrow, middle and wide.

    Attributes:
        counts: (4, 4) int64 by width, rows true, columns predicted, the last for other values.
    """

    def __init__(self, widths: Sequence[str] = ("middle",)) -> None:
        if not widths:
            raise ValueError("at least one width of the true trimaps is needed")
        self.counts = {width: np.zeros((4, 4), np.int64) for width in widths}

    def update(self, true: Mapping[str, Trimap], predicted: Trimap) -> None:
        """Count one frame.

        Args:
            true: True trimaps, (H, W), by width; all widths.
            predicted: Predicted trimap of the same shape.

        Raises:
            ValueError: A width is missing, shapes differ, or a true value is not 0, 128 or 255.
        """
        if true.keys() != self.counts.keys():
            raise ValueError(f"true trimaps must be {list(self.counts)}, found {list(true)}")
        ranks = _RANK[predicted]
        for width, trimap in true.items():
            counts = fold(joint_histogram(_RANK[trimap], ranks), num_classes=3)
            if counts[3].any():
                strange = sorted(set(np.unique(trimap).tolist()) - set(VALUES))
                raise ValueError(f"true trimap ({width}) holds {strange[0]}, not 0, 128 or 255")
            self.counts[width] += counts

    def merge(self, other: TrimapIou) -> None:
        """Add the counts of another part over the same widths."""
        if other.counts.keys() != self.counts.keys():
            raise ValueError("trimaps of different widths cannot be merged")
        for width, counts in other.counts.items():
            self.counts[width] += counts

    def scores(self) -> TrimapScores:
        """Read the scores: IoU over all frames of a width, then the mean over widths."""
        return _read(self.counts)


def trimap_miou(counts: NDArray[np.int64]) -> float | None:
    """Read the mean of the three IoUs from the counts of several widths, (widths, 4, 4)."""
    return _read({str(place): rows for place, rows in enumerate(counts)}).miou


def _read(counts: Mapping[str, NDArray[np.int64]]) -> TrimapScores:
    per_width = {name: scores_from_counts(rows).per_class_iou for name, rows in counts.items()}
    background, unknown, foreground = (
        mean_of_known([iou[k] for iou in per_width.values()]) for k in range(3)
    )
    return TrimapScores(background, unknown, foreground, per_width)
