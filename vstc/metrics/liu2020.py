"""TC as the released code of Liu et al. 2020 counts it, to the bit.

It interpolates class *indices* between pixels, truncates, and lets pixels that leave the frame
take the rim; a perfectly steady scene of 19 classes gets about 0.8. For comparison only: the
published values also need that paper's flow network with its own scaling of the input.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.agreement import Agreement
from vstc.metrics.confusion import kept_classes
from vstc.metrics.warping import ROWS_PER_BLOCK, check_flow_fits

EPSILON = 1e-10
_NO_LABEL = 255


def resample_label_indices(
    labels_source: NDArray[np.uint8], flow_target_to_source: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Sample label indices bilinearly and truncate, as FlowNet2's ``Resample2d`` and a cast do.

    Neighbours are clamped to the frame, fractional weights are kept even outside. Weights and
    products are made in float64, each product is cast to float32, sums are float32. In float32
    the weights need not sum to one, so 1 to 2 % of the inner pixels of a class v become v - 1.

    Args:
        labels_source: Ids of the source frame, (H, W).
        flow_target_to_source: Flow on the grid of the target, (H, W, 2), (x, y) in pixels.

    Returns:
        Ids on the grid of the target, (H, W); 255 where the flow is not finite (undefined in
        the released code).
    """
    height, width = check_flow_fits(labels_source, flow_target_to_source)
    values = labels_source.reshape(-1)
    warped = np.empty((height, width), np.uint8)
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    for top in range(0, height, ROWS_PER_BLOCK):
        block = slice(top, top + ROWS_PER_BLOCK)
        flow = flow_target_to_source[block]
        is_finite = np.asarray(np.isfinite(flow).all(axis=2))
        flow = np.where(is_finite[:, :, None], flow, np.float32(0))
        left, right, a = _neighbours(flow[:, :, 0] + columns, width)
        upper, lower, b = _neighbours(flow[:, :, 1] + rows[block], height)
        total = np.zeros(a.shape, np.float32)
        for row, weight_y in ((upper, 1 - b), (lower, b)):
            for column, weight_x in ((left, 1 - a), (right, a)):
                product = weight_x * weight_y
                product *= values[row * width + column]
                total += product.astype(np.float32)
        warped[block] = np.where(is_finite, total.astype(np.uint8), np.uint8(_NO_LABEL))
    return warped


def count_pair(
    joint: NDArray[np.int64], *, num_classes: int, ignore_index: int
) -> NDArray[np.int64]:
    """Reduce the counts of 256 ids as ``intersectionAndUnion`` of the released code does.

    Only a moved label that is ignored makes a pixel invalid; other ids are in no class. An id
    equal to ``num_classes`` is counted as the last class, whose histogram bin is closed.

    Args:
        joint: Counts by id, (256, 256), rows labels of the target frame, columns moved labels.
        num_classes: Ids 0 .. num_classes - 1 are classes.
        ignore_index: Moved id whose pixels do not count.

    Returns:
        Counts m, (K + 1, K + 1) int64: the code's intersection is m_kk, its two areas are the
        sums of row k and of column k, for k < K.
    """
    last = num_classes - 1
    if num_classes + 1 >= len(joint):
        raise ValueError(f"at most 254 classes can be counted, found {num_classes}")
    kept = joint.copy()
    kept[:, ignore_index] = 0
    # The code turns the other label of an ignored pixel into 255 but keeps the moved one.
    kept[_NO_LABEL, ignore_index] = joint[:, ignore_index].sum()
    starts = [*range(num_classes), num_classes + 1]
    by_row = np.add.reduceat(kept, starts, axis=0)
    counts: NDArray[np.int64] = np.add.reduceat(by_row, starts, axis=1)
    # K - 1 against K lies in both areas of the last class but not in its intersection.
    crossing = kept[last, num_classes] + kept[num_classes, last]
    counts[last, last] -= crossing
    counts[last, num_classes] += crossing
    counts[num_classes, last] += crossing
    counts[num_classes, num_classes] = 0
    return counts


def agreement(counts: NDArray[np.int64], *, excluded: Collection[int] = ()) -> Agreement:
    """Read the scores as the released code does: a class that is nowhere counts as 0.

    IoU_k = I_k / (U_k + 1e-10), TC is the mean over all classes, ``tc_acc`` the sum of I over
    the sum of the moved labels' areas. Unlike the code, None where that area is empty.

    Args:
        counts: As ``count_pair`` makes them, summed over any pairs.
        excluded: Class ids that are left out of the mean.
    """
    num_classes = len(counts) - 1
    hits = np.diagonal(counts)[:num_classes]
    moved = counts.sum(axis=0)[:num_classes]
    union = counts.sum(axis=1)[:num_classes] + moved - hits
    iou = hits / (union + EPSILON)
    kept = kept_classes(num_classes, excluded)
    num_moved = int(moved.sum())
    return Agreement(
        tc=float(iou[kept].mean()) if num_moved and kept else None,
        tc_acc=int(hits.sum()) / (num_moved + EPSILON) if num_moved else None,
        per_class=tuple(iou.tolist()),
        n_pixels=num_moved,
    )


def _neighbours(
    position: NDArray[np.float32], size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Return both neighbours, kept in the frame, and the weight of the second one."""
    first = np.floor(position)
    fraction = (position - first).astype(np.float64)
    second = np.clip(first + np.float32(1), 0, size - 1).astype(np.int32)
    return np.clip(first, 0, size - 1).astype(np.int32), second, fraction
