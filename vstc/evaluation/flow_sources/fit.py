"""Bring flow and visibility to the size of the labels."""

from __future__ import annotations

import cv2
import numpy as np

from vstc.evaluation.flow_sources.source import FlowField, VisibleMask


def fit_flow(flow: FlowField, size: tuple[int, int]) -> FlowField:
    """Bring a flow field to the size of the labels, bilinearly, vectors scaled alike.

    Args:
        flow: (h, w, 2) in pixels of its own grid.
        size: Height and width wanted.

    Returns:
        (H, W, 2) in pixels of the new grid; the input itself when the size is right.
    """
    height, width = flow.shape[:2]
    if (height, width) == size:
        return flow
    resized = cv2.resize(flow, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    scale = np.array([size[1] / width, size[0] / height], np.float32)
    return np.asarray(resized * scale, np.float32)


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
