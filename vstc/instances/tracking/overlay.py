"""Pictures of frames with their objects in colour, each with its number."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.formats.objects.rle import decode_mask
from vstc.formats.objects.store import InstanceMask

Array8 = NDArray[np.uint8]
_GOLDEN_RATIO = 0.618033988749895
_OPACITY = 0.5
_PLAIN_GRAY = 40
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def track_color(track: int) -> tuple[int, int, int]:
    """Return the RGB colour of an object; it depends on its number alone.

    The hue goes round by the golden ratio, so that numbers near one another differ most.
    """
    hue = track * _GOLDEN_RATIO % 1.0
    value = (1.0, 0.85, 0.7)[track // 8 % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.8, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_tracks(
    picture: Array8 | None, masks: tuple[InstanceMask, ...], *, size: tuple[int, int]
) -> Array8:
    """Paint objects over a frame: their pixels, outlines and numbers.

    Small objects lie over large ones.

    Args:
        picture: (h, w, 3) RGB, brought to the size of the masks; None is plain grey.
        masks: The objects.
        size: Height and width of the masks.

    Returns:
        (H, W, 3) RGB.
    """
    drawn = _background(picture, size)
    shown = sorted((mask for mask in masks if mask.rle.area), key=lambda mask: -mask.rle.area)
    thickness = max(1, round(size[0] / 320))
    for mask in shown:
        _draw_mask(drawn, mask, thickness=thickness)
    for mask in shown:
        _draw_number(drawn, mask, scale=max(size[0] / 640, 0.4), thickness=thickness)
    return drawn


def _background(picture: Array8 | None, size: tuple[int, int]) -> Array8:
    height, width = size
    if picture is None:
        return np.full((height, width, 3), _PLAIN_GRAY, np.uint8)
    if picture.shape[:2] == size:
        return picture.copy()
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _draw_mask(drawn: Array8, mask: InstanceMask, *, thickness: int) -> None:
    left, top, width, height = mask.rle.bounding_box()
    window = (slice(top, top + height), slice(left, left + width))
    inside = np.ascontiguousarray(decode_mask(mask.rle)[window])
    color = np.array(track_color(mask.track), np.float32)
    part = drawn[window]
    part[inside] = (part[inside] * (1 - _OPACITY) + color * _OPACITY + 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(
        inside.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(left, top)
    )
    cv2.drawContours(drawn, outlines, -1, track_color(mask.track), thickness)


def _draw_number(drawn: Array8, mask: InstanceMask, *, scale: float, thickness: int) -> None:
    """Write the number where the object is thickest."""
    left, top, width, height = mask.rle.bounding_box()
    inside = decode_mask(mask.rle)[top : top + height, left : left + width]
    depth = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 3)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    text = str(mask.track)
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    place = (left + int(x) - 1 - text_width // 2, top + int(y) - 1 + text_height // 2)
    cv2.putText(drawn, text, place, _FONT, scale, (0, 0, 0), thickness + 2, cv2.LINE_AA)
    cv2.putText(drawn, text, place, _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
