"""Label maps of a data set: as its class table numbers them, or as metrics want them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, LabelClass
from vstc.formats.images import image_size, read_labels, read_mask
from vstc.formats.label_encoding import (
    LabelEncoding,
    label_ids_to_train_ids,
    trimap_values_to_ids,
)

Array8 = NDArray[np.uint8]
VOID = 255


def read_encoded_labels(
    path: Path, classes: Sequence[LabelClass], encoding: LabelEncoding
) -> Array8:
    """Read a label file of a data set.

    Args:
        path: The file.
        classes: The class table, for colour files.
        encoding: What the values of the file mean.

    Returns:
        (H, W) uint8 ids of the class table, void among them, and whatever strange ids there are.

    Raises:
        InputError: Unreadable.
    """
    if encoding is LabelEncoding.MASKS:
        return read_mask(path)
    if encoding is LabelEncoding.CITYSCAPES:
        return np.asarray(cv2.LUT(read_labels(path), label_ids_to_train_ids()), np.uint8)
    if encoding is LabelEncoding.TRIMAPS:
        return np.asarray(cv2.LUT(read_labels(path), trimap_values_to_ids()), np.uint8)
    return read_labels(path, classes)


def read_label_ids(dataset: Dataset, clip: Clip, index: int) -> Array8 | None:
    """Read the labels of a frame in the ids of the class table, void among them.

    Returns:
        (H, W) uint8, or None when the frame has no label.

    Raises:
        InputError: Unreadable.
    """
    path = dataset.label_path(clip, index)
    if path is None:
        return None
    return read_encoded_labels(path, dataset.record.classes, dataset.record.label_encoding)


def label_size(dataset: Dataset, clip: Clip) -> tuple[int, int] | None:
    """Return height and width of the first label of a clip; None when it has no label.

    Raises:
        InputError: The file is missing or no image.
    """
    for path in clip.labels.values():
        return image_size(dataset.root / path)
    return None


def read_true_labels(dataset: Dataset, clip: Clip, index: int) -> Array8 | None:
    """Read the labels of a frame with void as 255.

    Returns:
        (H, W) uint8 ids 0 .. num_classes - 1 or 255, or None when the frame has no label.

    Raises:
        InputError: Unreadable, or an id that the class table does not have.
    """
    labels = read_label_ids(dataset, clip, index)
    if labels is None:
        return None
    table = np.full(256, VOID, np.uint8)
    table[: dataset.num_classes] = np.arange(dataset.num_classes)
    known = np.zeros(256, np.bool_)
    known[: dataset.num_classes] = True
    known[[entry.id for entry in dataset.record.classes]] = True
    known[dataset.ignore_index] = True
    present = np.flatnonzero(np.bincount(labels.reshape(-1), minlength=256))
    strange = present[~known[present]]
    if strange.size:
        raise InputError(
            f"label id {int(strange[0])} is not in the class table: "
            f"{dataset.label_path(clip, index)}",
            hint=f"vstc data check {dataset.folder} lists all such files",
        )
    return table[labels]
