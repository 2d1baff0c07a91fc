"""What the values of a label file mean, where they are not the ids of the class table."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

NO_LABEL = 255
# Cityscapes: the label id of each of the 19 train ids (cityscapesScripts, helpers/labels.py).
CITYSCAPES_LABEL_IDS = (
    *(7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24),
    *(25, 26, 27, 28, 31, 32, 33),
)
CITYSCAPES_LAST_LABEL_ID = 33
TRIMAP_VALUES = (0, 128, 255)
_NO_TRIMAP_VALUE = 254


class LabelEncoding(StrEnum):
    """What the values of label files mean.

    ``IDS``: ids of the class table. ``CITYSCAPES``: the label ids 0 .. 33 of Cityscapes, as
    its server wants them. ``MASKS``: 0 is background, everything else is class 1. ``TRIMAPS``:
    0, 128 and 255 are background, unknown and foreground.
    """

    IDS = "ids"
    CITYSCAPES = "cityscapes-label-ids"
    MASKS = "masks"
    TRIMAPS = "trimaps"


def label_ids_to_train_ids() -> NDArray[np.uint8]:
    """Return the train id of every Cityscapes label id, (256,).

    The label ids that Cityscapes leaves out of its evaluation, and 255 (which is how -1 reads
    from a file of 8 bits), become 255. Values 34 .. 254 mean nothing and stay as they are:
    none of them is a train id.
    """
    table = np.arange(256, dtype=np.uint8)
    table[: CITYSCAPES_LAST_LABEL_ID + 1] = NO_LABEL
    table[list(CITYSCAPES_LABEL_IDS)] = np.arange(len(CITYSCAPES_LABEL_IDS))
    return table


def train_ids_to_label_ids() -> NDArray[np.uint8]:
    """Return the Cityscapes label id of every train id, (256,); 0, "unlabeled", for all others."""
    table = np.zeros(256, np.uint8)
    table[: len(CITYSCAPES_LABEL_IDS)] = CITYSCAPES_LABEL_IDS
    return table


def trimap_values_to_ids() -> NDArray[np.uint8]:
    """Return the class id of every trimap value, (256,); what is none of the three stays so."""
    table = np.arange(256, dtype=np.uint8)
    table[: len(TRIMAP_VALUES)] = _NO_TRIMAP_VALUE
    table[list(TRIMAP_VALUES)] = np.arange(len(TRIMAP_VALUES))
    return table
