"""The modes of TC side by side: how each moves labels, counts a pair and reads its scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vstc.metrics import liu2020, vspw
from vstc.metrics.agreement import Agreement
from vstc.metrics.confusion import AbsentClass, fold, joint_histogram, scores_from_counts
from vstc.metrics.consistency_protocol import ConsistencyMode, ConsistencyProtocol
from vstc.metrics.onehot import warp_labels_by_vote
from vstc.metrics.warping import warp_labels

NO_LABEL = 255


def move_labels(
    protocol: ConsistencyProtocol,
    labels_source: NDArray[np.uint8],
    flow_target_to_source: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Bring labels onto the grid of another frame, as the mode does it.

    Args:
        protocol: Mode and border.
        labels_source: Ids, (H, W).
        flow_target_to_source: Flow on the grid of the target, (H, W, 2), (x, y) in pixels.

    Returns:
        Ids on the grid of the target, (H, W); 255 where a pixel leaves the frame and does not
        count.
    """
    if protocol.mode is ConsistencyMode.LIU2020:
        return liu2020.resample_label_indices(labels_source, flow_target_to_source)
    if protocol.mode is ConsistencyMode.VSPW:
        return vspw.warp_labels_off_centre(labels_source, flow_target_to_source)
    warp = warp_labels if protocol.mode is ConsistencyMode.NEAREST else warp_labels_by_vote
    return warp(labels_source, flow_target_to_source, clamp=protocol.clamps, fill=NO_LABEL)


def count_moved(
    protocol: ConsistencyProtocol,
    labels_target: NDArray[np.uint8],
    moved: NDArray[np.uint8],
    *,
    num_classes: int,
    ignore_index: int,
) -> NDArray[np.int64]:
    """Count one pair.

    Args:
        protocol: The mode.
        labels_target: Ids of the frame that labels were brought to, (H, W).
        moved: Ids that were brought there, (H, W).
        num_classes: Ids 0 .. num_classes - 1 are classes.
        ignore_index: Id that does not count, beside 255.

    Returns:
        Counts, (K + 1, K + 1) int64; what they mean depends on the mode, and they may be added.
    """
    joint = joint_histogram(labels_target, moved)
    if protocol.mode is ConsistencyMode.LIU2020:
        return liu2020.count_pair(joint, num_classes=num_classes, ignore_index=ignore_index)
    if protocol.mode is ConsistencyMode.VSPW:
        return vspw.count_pair(joint, num_classes=num_classes, ignore_index=ignore_index)
    ignored = (ignore_index, NO_LABEL)
    return fold(joint, num_classes=num_classes, ignored_rows=ignored, ignored_columns=ignored)


def read_agreement(
    protocol: ConsistencyProtocol,
    counts: NDArray[np.int64],
    *,
    absent: AbsentClass | str = AbsentClass.NULL,
) -> Agreement:
    """Read the scores from counts of one pair, a clip or a data set.

    Args:
        protocol: Mode and excluded classes.
        counts: As ``count_moved`` makes them, summed over any pairs.
        absent: What a class scores that is in neither frame. The fixed modes have their own
            rule: 0 in ``liu2020``, left out in ``vspw``.
    """
    excluded = protocol.excluded
    if protocol.mode is ConsistencyMode.LIU2020:
        return liu2020.agreement(counts, excluded=excluded)
    if protocol.mode is ConsistencyMode.VSPW:
        return vspw.agreement(counts, excluded=excluded)
    scores = scores_from_counts(counts, absent=absent, excluded=excluded)
    return Agreement(
        tc=scores.miou,
        tc_acc=scores.aacc,
        per_class=scores.per_class_iou,
        n_pixels=scores.n_pixels,
    )
