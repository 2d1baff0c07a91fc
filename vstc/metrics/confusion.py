"""Confusion matrix of label maps, and the scores that are read from it.

Rows are the true class, columns the predicted one. Index ``num_classes`` in both directions
stands for ids outside the class table, so that a stray prediction is a miss and not lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

_IDS = 256


class AbsentClass(StrEnum):
    """What a class scores that occurs neither in the truth nor in the prediction.

    ``NULL`` leaves it out of the means (Cityscapes script); ``ZERO`` counts it as 0 in a mean
    over all classes (the released code of Liu et al. 2020 and semseg).
    """

    NULL = "null"
    ZERO = "zero"


@dataclass(frozen=True)
class SegmentationScores:
    """Scores in [0, 1]; None where nothing could be counted.

    Attributes:
        miou: Mean of the class IoUs.
        macc: Mean of the class recalls; the "pixel accuracy" column of Liu et al. 2020.
        aacc: Share of the counted pixels that are right.
        fwiou: Class IoUs weighted by the true pixel share.
        per_class_iou: IoU by class id.
        per_class_acc: Recall by class id; None for a class without a true pixel.
        n_pixels: Pixels that were counted.
    """

    miou: float | None
    macc: float | None
    aacc: float | None
    fwiou: float | None
    per_class_iou: tuple[float | None, ...]
    per_class_acc: tuple[float | None, ...]
    n_pixels: int


def joint_histogram(rows: NDArray[np.uint8], columns: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count how often each pair of ids stands at the same pixel.

    Args:
        rows: Label map, (H, W).
        columns: Label map of the same shape.

    Returns:
        Counts, (256, 256).
    """
    if rows.shape != columns.shape or rows.ndim != 2:
        raise ValueError(f"label maps differ in shape: {rows.shape} and {columns.shape}")
    fused = rows.astype(np.uint16)
    fused <<= 8
    fused |= columns
    counts = np.bincount(fused.reshape(-1), minlength=_IDS * _IDS)
    return counts.astype(np.int64, copy=False).reshape(_IDS, _IDS)


def fold(
    joint: NDArray[np.int64],
    *,
    num_classes: int,
    ignored_rows: Sequence[int] = (),
    ignored_columns: Sequence[int] = (),
) -> NDArray[np.int64]:
    """Reduce the counts of 256 ids to those of a class table.

    Args:
        joint: Counts by id, (256, 256).
        num_classes: Ids 0 .. num_classes - 1 are classes.
        ignored_rows: Row ids whose pixels do not count.
        ignored_columns: Column ids whose pixels do not count.

    Returns:
        Counts, (num_classes + 1, num_classes + 1); the last index gathers all other ids.
    """
    kept = joint.copy()
    kept[list(ignored_rows)] = 0
    kept[:, list(ignored_columns)] = 0
    starts = np.arange(num_classes + 1)
    by_row: NDArray[np.int64] = np.add.reduceat(kept, starts, axis=0)
    counts: NDArray[np.int64] = np.add.reduceat(by_row, starts, axis=1)
    return counts


class ConfusionMatrix:
    """Counts of true against predicted classes over a whole data set.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes.
        ignore_index: True id whose pixels do not count. As a prediction it is a miss, like
            every id outside the table.

    Attributes:
        counts: (num_classes + 1, num_classes + 1) int64, rows true, columns predicted.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        if not 0 < num_classes < _IDS:
            raise ValueError(f"num_classes must be 1..255, found {num_classes}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = np.zeros((num_classes + 1, num_classes + 1), np.int64)

    @property
    def unknown_labels(self) -> int:
        """True pixels whose id is neither a class nor ``ignore_index``."""
        return int(self.counts[self.num_classes].sum())

    def update(self, labels: NDArray[np.uint8], predictions: NDArray[np.uint8]) -> None:
        """Count one image.

        Args:
            labels: True ids, (H, W).
            predictions: Predicted ids, (H, W).
        """
        self.counts += fold(
            joint_histogram(labels, predictions),
            num_classes=self.num_classes,
            ignored_rows=(self.ignore_index,),
        )

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of another matrix over the same classes."""
        if (self.num_classes, self.ignore_index) != (other.num_classes, other.ignore_index):
            raise ValueError("confusion matrices over different class tables cannot be merged")
        self.counts += other.counts

    def scores(
        self, absent: AbsentClass | str = AbsentClass.NULL, *, excluded: Collection[int] = ()
    ) -> SegmentationScores:
        """Read the scores from the counts; see ``scores_from_counts``."""
        return scores_from_counts(self.counts, absent=absent, excluded=excluded)


def scores_from_counts(
    counts: NDArray[np.int64],
    *,
    absent: AbsentClass | str = AbsentClass.NULL,
    excluded: Collection[int] = (),
) -> SegmentationScores:
    """Compute IoU and accuracies of a confusion matrix.

    IoU_k = c_kk / (row_k + col_k - c_kk), recall_k = c_kk / row_k.

    Args:
        counts: (K + 1, K + 1), rows true, columns predicted, the last index for other ids.
        absent: What a class with an empty union scores.
        excluded: Class ids that are left out of ``miou`` and ``macc`` (the background of
            300VW). Their pixels still count: in the unions and recalls of the other classes, in
            ``aacc`` and in ``fwiou``; their own IoU and recall are still given.
    """
    num_classes = len(counts) - 1
    kept = kept_classes(num_classes, excluded)
    hits = np.diagonal(counts)[:num_classes]
    true = counts.sum(axis=1)[:num_classes]
    union = true + counts.sum(axis=0)[:num_classes] - hits
    total = int(counts.sum())
    fill = 0.0 if AbsentClass(absent) is AbsentClass.ZERO else None
    iou = _ratios(hits, union, fill)
    recall = _ratios(hits, true, fill)
    weighted = [float(n) * (r or 0.0) for n, r in zip(true, iou, strict=True)]
    is_empty = total == 0
    return SegmentationScores(
        miou=None if is_empty else mean_of_known([iou[k] for k in kept]),
        macc=None if is_empty else mean_of_known([recall[k] for k in kept]),
        aacc=None if is_empty else int(hits.sum()) / total,
        fwiou=None if is_empty else sum(weighted) / total,
        per_class_iou=iou,
        per_class_acc=recall,
        n_pixels=total,
    )


def kept_classes(num_classes: int, excluded: Collection[int]) -> list[int]:
    """List the class ids that enter a mean over classes.

    Raises:
        ValueError: An excluded id is not a class.
    """
    unknown = sorted(set(excluded) - set(range(num_classes)))
    if unknown:
        raise ValueError(f"excluded classes {unknown} are not in a table of {num_classes} classes")
    return [k for k in range(num_classes) if k not in set(excluded)]


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Average the values that are not None; None when there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _ratios(
    part: NDArray[np.int64], whole: NDArray[np.int64], fill: float | None
) -> tuple[float | None, ...]:
    pairs = zip(part.tolist(), whole.tolist(), strict=True)
    return tuple(p / w if w else fill for p, w in pairs)
