"""Flow fields as colours: hue is the direction, saturation the length."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def flow_colors(flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour a flow field, the longest one per cent of the vectors at full strength.

    Args:
        flow: (H, W, 2), (x, y) in pixels; nan where unknown, which is drawn black.

    Returns:
        (H, W, 3) RGB; still pixels are white.
    """
    is_known: NDArray[np.bool_] = np.isfinite(flow[..., 0]) & np.isfinite(flow[..., 1])
    u, v = np.where(is_known, flow[..., 0], 0), np.where(is_known, flow[..., 1], 0)
    length = np.hypot(u, v)
    full = max(float(np.percentile(length, 99)), 1e-3)
    hsv = np.empty((*length.shape, 3), np.uint8)
    hsv[..., 0] = (np.arctan2(v, u) / np.pi * 90) % 180
    hsv[..., 1] = np.minimum(length / full, 1) * 255
    hsv[..., 2] = np.where(is_known, 255, 0)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)
