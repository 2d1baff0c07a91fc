"""Pictures of a report: frames, overlays and changes, small and inside the page itself."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.formats.images import overlay_labels
from vstc.report.blocks import Picture

Array8 = NDArray[np.uint8]
MAX_WIDTH = 440
_JPEG_QUALITY = 82
_CHANGED = np.array([255, 0, 110], np.uint8)


def picture(
    image: Array8, *, caption: str, color: str = "", note: str = "", max_width: int = MAX_WIDTH
) -> Picture:
    """Encode an image for the page, not wider than ``max_width``.

    Args:
        image: (H, W, 3) RGB.
        caption: What it shows.
        color: Colour of the run that made it.
        note: A small addition to the caption.
        max_width: Greatest width in pixels.
    """
    height, width = image.shape[:2]
    if width > max_width:
        height = max(1, round(height * max_width / width))
        width = max_width
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError(f"JPEG encoding failed for shape {image.shape}")
    uri = "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
    return Picture(uri=uri, width=width, height=height, caption=caption, color=color, note=note)


def overlay(image: Array8, labels: Array8, palette: Array8) -> Array8:
    """Lay the colours of a label map over a frame of the same or another size.

    Args:
        image: (H, W, 3) RGB.
        labels: (h, w) ids.
        palette: (256, 3) RGB.
    """
    return overlay_labels(image, fit_labels(labels, image.shape[:2]), palette, opacity=0.6)


def fit_labels(labels: Array8, size: tuple[int, ...]) -> Array8:
    """Bring a label map to (height, width) without mixing ids."""
    height, width = size
    if labels.shape == (height, width):
        return labels
    resized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, np.uint8)


def mark(image: Array8, is_changed: NDArray[np.bool_]) -> Array8:
    """Show some pixels of a picture in a loud colour and the rest pale.

    Args:
        image: (H, W, 3) RGB.
        is_changed: (H, W).
    """
    marked = (image * np.float32(0.3) + np.float32(0.7 * 255)).astype(np.uint8)
    marked[is_changed] = _CHANGED
    return marked
