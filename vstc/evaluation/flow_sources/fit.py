"""Bring visibility to the size of the labels."""

from __future__ import annotations

import cv2
import numpy as np

from vstc.evaluation.flow_sources.source import VisibleMask


def fit_visible(visible: VisibleMask, size: tuple[int, int]) -> VisibleMask:
    """Bring a mask to the size of the labels, by nearest pixel.

    Args:
        visible: (h, w).
        size: Height and width wanted.

    Returns:
        (H, W); the input itself when the size is right.
    """
    if visible.shape == size:
        return visible
    small = visible.astype(np.uint8)
    resized = cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized != 0)
