"""Pictures of flow: the colour wheel of Baker et al. 2007, warped frames and their errors."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.flow.remap import Flow

Array8 = NDArray[np.uint8]

# Corners of the wheel and the number of steps to the next one, as in Baker et al. 2007.
_CORNERS = (
    (15, (255, 0, 0)),
    (6, (255, 255, 0)),
    (4, (0, 255, 0)),
    (11, (0, 255, 255)),
    (13, (0, 0, 255)),
    (6, (255, 0, 255)),
    (0, (255, 0, 0)),
)
_LEGEND_SIDE = 96
_TITLE_HEIGHT = 22


def color_wheel() -> NDArray[np.float32]:
    """Return the 55 colours of the wheel, (55, 3) RGB, 0..1; red is a motion to the right."""
    pieces = [
        np.linspace(start, stop, steps, endpoint=False)
        for (steps, start), (_, stop) in pairwise(_CORNERS)
    ]
    return (np.concatenate(pieces) / 255).astype(np.float32)


def flow_to_color(flow: Flow, *, max_magnitude: float | None = None) -> Array8:
    """Colour a flow: hue is the direction, saturation the length; white stands still.

    Args:
        flow: (H, W, 2), (x, y) in pixels.
        max_magnitude: Length drawn fully saturated, longer ones darker; None takes the 99th
            percentile of this flow.

    Returns:
        (H, W, 3) RGB.
    """
    magnitude = np.hypot(flow[:, :, 0], flow[:, :, 1])
    longest = shown_magnitude(flow) if max_magnitude is None else max_magnitude
    radius = magnitude / max(longest, 1e-6)
    wheel = color_wheel()
    # Angle 0 is a motion to the right, a quarter turn is one downwards (y grows downwards).
    turn = np.arctan2(flow[:, :, 1], flow[:, :, 0]) / (2 * np.pi) % 1
    place = turn * len(wheel)
    low = np.floor(place).astype(np.intp)
    weight = (place - low)[:, :, None]
    color = wheel[low % len(wheel)] * (1 - weight) + wheel[(low + 1) % len(wheel)] * weight
    inside = np.minimum(radius, 1)[:, :, None]
    shown = np.where((radius <= 1)[:, :, None], 1 - inside * (1 - color), 0.75 * color)
    return np.asarray(np.rint(255 * shown), np.uint8)


def shown_magnitude(flow: Flow) -> float:
    """Return the length that is drawn fully saturated: the 99th percentile, 0.1 px or more."""
    magnitude = np.hypot(flow[:, :, 0], flow[:, :, 1])
    return max(float(np.percentile(magnitude, 99)), 0.1)


def flow_picture(flow: Flow) -> Array8:
    """Draw a flow with a legend to its right: the wheel and the length of its rim.

    Args:
        flow: (H, W, 2), (x, y) in pixels.

    Returns:
        (H', W + legend, 3) RGB, at least as high as the legend.
    """
    longest = shown_magnitude(flow)
    picture = flow_to_color(flow, max_magnitude=longest)
    return _beside(picture, _legend(longest))


def error_picture(target: Array8, warped: Array8, *, largest: float = 64.0) -> Array8:
    """Draw the absolute difference of two frames, black is none, yellow is ``largest``.

    Args:
        target: (H, W, 3) RGB.
        warped: (H, W, 3) RGB.
        largest: Mean difference of the channels that is drawn brightest.

    Returns:
        (H, W, 3) RGB.
    """
    error = np.abs(target.astype(np.float32) - warped).mean(axis=2)
    scaled = np.asarray(np.clip(error * (255 / largest), 0, 255), np.uint8)
    bgr = cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def titled(picture: Array8, title: str) -> Array8:
    """Put a line of text above a picture."""
    bar = np.full((_TITLE_HEIGHT, picture.shape[1], 3), 255, np.uint8)
    _write(bar, title, (4, 16))
    return np.vstack((bar, picture))


def in_grid(pictures: list[Array8], *, columns: int = 2) -> Array8:
    """Arrange pictures in rows, white between them and where they are smaller than their cell."""
    height = max(picture.shape[0] for picture in pictures) + 6
    width = max(picture.shape[1] for picture in pictures) + 6
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        y, x = place // columns * height, place % columns * width
        sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return sheet


def _legend(longest: float) -> Array8:
    half = _LEGEND_SIDE / 2 - 1
    y, x = np.indices((_LEGEND_SIDE, _LEGEND_SIDE), np.float32)
    vectors = np.dstack((x - half, y - half)) / half
    wheel = flow_to_color(vectors.astype(np.float32), max_magnitude=1)
    wheel[np.hypot(vectors[:, :, 0], vectors[:, :, 1]) > 1] = 255
    text = np.full((2 * _TITLE_HEIGHT, _LEGEND_SIDE, 3), 255, np.uint8)
    _write(text, f"rim {longest:.1f} px", (4, 16))
    _write(text, "red = right", (4, 36))
    return np.vstack((wheel, text))


def _beside(left: Array8, right: Array8) -> Array8:
    height = max(left.shape[0], right.shape[0])
    sheet = np.full((height, left.shape[1] + 6 + right.shape[1], 3), 255, np.uint8)
    sheet[: left.shape[0], : left.shape[1]] = left
    sheet[: right.shape[0], -right.shape[1] :] = right
    return sheet


def _write(picture: Array8, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
