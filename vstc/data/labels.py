"""Label maps of a data set as training and evaluation want them: 0 .. C-1, void 255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.images import read_labels

Array8 = NDArray[np.uint8]
VOID = 255


def read_true_labels(dataset: Dataset, clip: Clip, index: int) -> Array8 | None:
    """Read the labels of a frame with void as 255.

    Returns:
        (H, W) uint8 ids 0 .. num_classes - 1 or 255, or None when the frame has no label.

    Raises:
        InputError: Unreadable, or an id that the class table does not have.
    """
    path = dataset.label_path(clip, index)
    if path is None:
        return None
    labels = read_labels(path, dataset.record.classes)
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
            f"label id {int(strange[0])} is not in the class table: {path}",
            hint=f"vstc data check {dataset.folder} lists all such files",
        )
    return table[labels]
