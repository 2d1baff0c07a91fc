"""Trimaps over their frames: a colour for each object, grey for what is unknown."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.images import overlay_labels, read_rgb
from vstc.formats.objects.store import InstanceClip
from vstc.trimaps.frame_trimaps import FrameTrimaps
from vstc.trimaps.sources.source import ObjectSource
from vstc.trimaps.values import FOREGROUND, UNKNOWN

Array8 = NDArray[np.uint8]
DEFAULT_FPS = 25.0
_UNKNOWN_ID, _UNKNOWN_COLOR = 255, (200, 200, 200)
_COLORS = 254
_GOLDEN_RATIO = 0.618033988749895


def overlay_palette() -> Array8:
    """Return the colours, (256, 3) RGB: neighbouring numbers get hues that lie far apart."""
    palette = np.zeros((256, 3), np.uint8)
    for number in range(_COLORS):
        rgb = colorsys.hsv_to_rgb(number * _GOLDEN_RATIO % 1, 0.85, 1.0)
        palette[1 + number] = np.rint(np.array(rgb) * 255)
    palette[_UNKNOWN_ID] = _UNKNOWN_COLOR
    return palette


def draw_trimaps(image: Array8, frame: FrameTrimaps, palette: Array8) -> Array8:
    """Draw all objects of a frame.

    Args:
        image: (H, W, 3) RGB.
        frame: Its trimaps.
        palette: From ``overlay_palette``.
    """
    ids = np.zeros(image.shape[:2], np.uint8)
    for one in frame.objects.values():
        part, values = ids[one.trimap.window.slices], one.trimap.values
        part[(values == UNKNOWN) & (part == 0)] = _UNKNOWN_ID
        part[values == FOREGROUND] = 1 + (one.track - 1) % _COLORS
    return overlay_labels(image, ids, palette)


def read_frame(source: ObjectSource, clip: InstanceClip, index: int) -> Array8:
    """Read the image of a frame, (H, W, 3) RGB.

    Raises:
        InputError: Unknown, missing, unreadable, or of another size than the masks.
    """
    path = source.frame_image(clip, index)
    if path is None:
        raise _no_image(clip)
    image = read_rgb(path)
    if image.shape[:2] != (clip.height, clip.width):
        raise InputError(
            f"{path} is {image.shape[1]}x{image.shape[0]}, masks of clip {clip.id} are "
            f"{clip.width}x{clip.height}"
        )
    return image


def refuse_unknown_images(source: ObjectSource, clips: Iterable[InstanceClip]) -> None:
    """Refuse clips that no overlay can be drawn of, before any work is done.

    Raises:
        InputError: The image of a frame is unknown or missing.
    """
    for clip in clips:
        for index in range(len(clip.frame_names)):
            path = source.frame_image(clip, index)
            if path is None:
                raise _no_image(clip)
            _refuse_missing(path)


def _no_image(clip: InstanceClip) -> InputError:
    return InputError(
        f"the frames of clip {clip.id} have no images to draw on",
        hint="leave out --overlay, or import the masks with their frames",
    )


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"image of a frame is missing: {path}")
