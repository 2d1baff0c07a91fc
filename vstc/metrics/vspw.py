"""TC as the released code of VSPW (Miao et al. 2021) counts it.

It normalises positions for corners that lie on each other but samples as if they did not, so
positions are off by up to half a pixel from the centre outwards; pixels that leave the frame
become class 0. Even a still clip under zero flow loses the last row and column of even sides.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.agreement import Agreement
from vstc.metrics.confusion import fold, kept_classes, mean_of_known
from vstc.metrics.warping import ROWS_PER_BLOCK, check_flow_fits


def warp_labels_off_centre(
    labels_source: NDArray[np.uint8], flow_target_to_source: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Sample labels as ``grid_sample`` does when it is called as in the released code.

    x' = 2 x / (W - 1) - 1 is read back as ((x' + 1) W - 1) / 2 and rounded half to even, in
    float32; outside is class 0, and so is a pixel without finite flow.

    Args:
        labels_source: Ids of the source frame, (H, W).
        flow_target_to_source: Flow on the grid of the target, (H, W, 2), (x, y) in pixels.

    Returns:
        Ids on the grid of the target, (H, W).
    """
    height, width = check_flow_fits(labels_source, flow_target_to_source)
    bordered = np.zeros((height + 2, width + 2), np.uint8)
    bordered[1:-1, 1:-1] = labels_source
    source = bordered.reshape(-1)
    warped = np.empty((height, width), np.uint8)
    columns = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    for top in range(0, height, ROWS_PER_BLOCK):
        block = slice(top, top + ROWS_PER_BLOCK)
        place = _bordered_index(flow_target_to_source[block, :, 1] + rows[block], height)
        place *= width + 2
        place += _bordered_index(flow_target_to_source[block, :, 0] + columns, width)
        np.take(source, place, out=warped[block], mode="clip")
    return warped


def count_pair(
    joint: NDArray[np.int64], *, num_classes: int, ignore_index: int
) -> NDArray[np.int64]:
    """Reduce the counts of 256 ids: a pixel counts when the target frame has a class there.

    Args:
        joint: Counts by id, (256, 256), rows labels of the target frame, columns moved labels.
        num_classes: Ids 0 .. num_classes - 1 are classes.
        ignore_index: Id of the target frame whose pixels do not count. A moved label that is no
            class is a miss (undefined in the released code).

    Returns:
        Counts, (K + 1, K + 1) int64; the last row is empty.
    """
    counts = fold(joint, num_classes=num_classes, ignored_rows=(ignore_index,))
    counts[num_classes] = 0
    return counts


def agreement(counts: NDArray[np.int64], *, excluded: Collection[int] = ()) -> Agreement:
    """Read the scores: the mean is over the classes that the target frames have.

    A class that only the moved labels have is left out of the mean.

    Args:
        counts: As ``count_pair`` makes them, summed over any pairs.
        excluded: Class ids that are left out of the mean.
    """
    num_classes = len(counts) - 1
    hits = np.diagonal(counts)[:num_classes].tolist()
    rows = counts.sum(axis=1)[:num_classes].tolist()
    columns = counts.sum(axis=0)[:num_classes].tolist()
    iou = tuple(
        hit / (row + column - hit) if row else None
        for hit, row, column in zip(hits, rows, columns, strict=True)
    )
    total = sum(rows)
    return Agreement(
        tc=mean_of_known([iou[k] for k in kept_classes(num_classes, excluded)]),
        tc_acc=sum(hits) / total if total else None,
        per_class=iou,
        n_pixels=total,
    )


def _bordered_index(position: NDArray[np.float32], size: int) -> NDArray[np.int32]:
    """Return the index that is sampled on a bordered side; outside, and nan, is its border."""
    scaled = np.float32(2) * position / np.float32(max(size - 1, 1)) - np.float32(1)
    place = (scaled + np.float32(1)) * np.float32(size / 2) - np.float32(0.5)
    np.rint(place, out=place)
    place += 1
    np.fmin(place, size + 1, out=place)
    np.fmax(place, 0, out=place)
    return place.astype(np.int32)
