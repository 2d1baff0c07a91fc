"""Put a foreground over a background, and draw the trimap of an alpha matte."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.formats.label_encoding import TRIMAP_VALUES

_BACKGROUND, _UNKNOWN, _FOREGROUND = TRIMAP_VALUES


def composite(
    foreground: NDArray[np.uint8], alpha: NDArray[np.float32], background: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Blend ``alpha * foreground + (1 - alpha) * background``.

    Args:
        foreground: (H, W, 3) RGB.
        alpha: (H, W) in [0, 1].
        background: RGB of any size; scaled to cover the foreground, its middle is taken.
    """
    height, width = alpha.shape
    behind = cover(background, height=height, width=width).astype(np.float32)
    share = alpha[..., np.newaxis]
    return np.rint(foreground * share + behind * (1 - share)).astype(np.uint8)


def cover(image: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Scale an image to the smallest size that covers (height, width) and cut out its middle."""
    scale = max(height / image.shape[0], width / image.shape[1])
    size = (
        max(width, math.ceil(image.shape[1] * scale - 1e-9)),
        max(height, math.ceil(image.shape[0] * scale - 1e-9)),
    )
    kind = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    scaled = cv2.resize(image, size, interpolation=kind)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.asarray(scaled[top : top + height, left : left + width], np.uint8)


def trimap_of(alpha: NDArray[np.float32], *, radius: int) -> NDArray[np.uint8]:
    """Draw the trimap of an alpha matte with a band of constant width.

    Unknown is what lies within the radius of a fraction (the rule of IndexNet with a fixed
    radius, Lu et al. 2019); where no alpha is a fraction, of the edge of the object.

    Args:
        alpha: (H, W) in [0, 1].
        radius: Euclidean distance in pixels.

    Returns:
        (H, W) uint8 of 0, 128 and 255.
    """
    is_object = alpha == 1
    seeds = (alpha > 0) & ~is_object
    if not seeds.any():
        edge = cv2.morphologyEx(is_object.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
        seeds = edge > 0
    trimap = np.where(is_object, _FOREGROUND, _BACKGROUND).astype(np.uint8)
    if seeds.any():
        distance = cv2.distanceTransform(
            (~seeds).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        )
        trimap[distance <= radius] = _UNKNOWN
    return trimap
