"""Pictures of objects: numbered masks over a frame, trimaps, and cut-outs on a plain colour."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.formats.label_encoding import TRIMAP_VALUES
from vstc.report.colors import css_color
from vstc.trimaps.overlay import overlay_palette

Array8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
PLAIN = (0, 150, 90)
_OPACITY = 0.55
_CANVAS = 40
_ROOM, _LEAST_WINDOW = 1.5, 0.2
_TEXT_WIDTH = 480  # longer side of a picture on which numbers are as large as their font


@cache
def track_rgb(track: int) -> tuple[int, int, int]:
    """Return the colour of a track, which is that of overlay videos."""
    red, green, blue = overlay_palette()[1 + (track - 1) % 254].tolist()
    return red, green, blue


def track_color(track: int) -> str:
    """Return the CSS colour of a track."""
    return css_color(track_rgb(track))


def draw_masks(masks: Mapping[int, Mask], *, image: Array8 | None, size: tuple[int, int]) -> Array8:
    """Lay numbered masks over a frame; where they overlap, the smaller one is on top.

    Args:
        masks: (H, W) masks by track.
        image: The frame, (H, W, 3) RGB; None draws them on a dark ground.
        size: Height and width of the frame.
    """
    drawn = np.full((*size, 3), _CANVAS, np.uint8) if image is None else image.copy()
    ordered = sorted(masks.items(), key=lambda entry: -int(np.count_nonzero(entry[1])))
    for track, mask in ordered:
        color = np.array(track_rgb(track), np.float32)
        drawn[mask] = np.rint(drawn[mask] * (1 - _OPACITY) + color * _OPACITY)
    for track, mask in ordered:
        _write_number(drawn, track, mask)
    return drawn


def cut_out(image: Array8, alpha: NDArray[np.floating]) -> Array8:
    """Put what a matte keeps of a frame on a plain colour.

    Args:
        image: (H, W, 3) RGB.
        alpha: (H, W) in [0, 1].
    """
    share = alpha[..., None].astype(np.float32)
    ground = np.array(PLAIN, np.float32)
    return np.asarray(np.rint(image * share + ground * (1 - share)), np.uint8)


def trimap_alpha(trimap: Array8) -> NDArray[np.float32]:
    """Return the matte that a trimap is by itself: what is unknown is half transparent."""
    background, _, foreground = TRIMAP_VALUES
    alpha = np.full(trimap.shape, 0.5, np.float32)
    alpha[trimap == background], alpha[trimap == foreground] = 0.0, 1.0
    return alpha


def surroundings(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns of a window around an object, in the shape of the frame.

    Args:
        mask: (H, W) pixels of the object, at least one.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    height, width = mask.shape
    share = max(
        (rows[-1] - rows[0] + 1) / height, (columns[-1] - columns[0] + 1) / width, _LEAST_WINDOW
    )
    share = min(1.0, _ROOM * share)
    return (
        _window(int(rows[0] + rows[-1]) // 2, round(share * height), height),
        _window(int(columns[0] + columns[-1]) // 2, round(share * width), width),
    )


def _window(centre: int, length: int, whole: int) -> slice:
    """Return a stretch around a place that lies within the whole."""
    length = max(1, length)
    start = min(max(0, centre - length // 2), whole - length)
    return slice(start, start + length)


def _write_number(image: Array8, track: int, mask: Mask) -> None:
    """Write the number of a track at the innermost place of its mask."""
    if not mask.any():
        return
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
    scale = 0.55 * max(1.0, max(image.shape) / _TEXT_WIDTH)
    thick = max(1, round(1.6 * scale))
    (width, height), _ = cv2.getTextSize(str(track), cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    place = (int(x) - width // 2, int(y) + height // 2)
    for color, extra in (((0, 0, 0), 2), ((255, 255, 255), 0)):
        cv2.putText(
            image,
            str(track),
            place,
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            color,
            thick + extra,
            cv2.LINE_AA,
        )
