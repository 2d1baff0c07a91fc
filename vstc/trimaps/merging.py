"""One trimap for all objects of a frame."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vstc.trimaps.patch import Patch, Size
from vstc.trimaps.values import Trimap


def merge_trimaps(trimaps: Iterable[Patch], *, size: Size) -> Trimap:
    """Take foreground where any object has it, else unknown where any has, else background.

    That is the largest of the three values, 0, 128 and 255.

    Args:
        trimaps: Of the objects, in any order.
        size: Height and width of the frame.

    Returns:
        (H, W) uint8; all background when there is no object.
    """
    merged = np.zeros(size, np.uint8)
    for trimap in trimaps:
        part = merged[trimap.window.slices]
        np.maximum(part, trimap.values, out=part)
    return merged
