"""Paint the masks of a frame into one map of ids, for forms that hold one object per pixel."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.objects.rle import decode_mask
from vstc.formats.objects.store import FrameInstances, InstanceClip, InstanceMask


class Overlap(StrEnum):
    """What to do where masks overlap and the form holds one object per pixel.

    ``ERROR``: refuse. ``SCORE``: the pixel goes to the higher score; of equal ones, to the
    lower track.
    """

    ERROR = "error"
    SCORE = "score"


def paint_ids(
    clip: InstanceClip, frame: FrameInstances, *, overlap: Overlap, max_id: int, form: str
) -> NDArray[np.uint32]:
    """Return the track of each pixel, (H, W); 0 is background.

    Args:
        clip: The clip of the frame.
        frame: The masks.
        overlap: What to do where they overlap.
        max_id: The highest id that the form holds.
        form: Name of the form, for errors.

    Raises:
        InputError: Masks overlap, or a track is above the highest id.
    """
    ids = np.zeros((clip.height, clip.width), np.uint32, order="F")
    for mask in _worst_first(frame.instances):
        if mask.track > max_id:
            raise InputError(
                f"clip {clip.id}, frame {frame.name}: track {mask.track} is too high for {form}, "
                f"whose ids end at {max_id}",
                hint="youtube-vis, coco and files hold any number of tracks",
            )
        pixels = decode_mask(mask.rle)
        if overlap is Overlap.ERROR and (covered := ids[pixels]).any():
            other = int(covered[covered > 0][0])
            raise InputError(
                f"clip {clip.id}, frame {frame.name}: tracks {other} and {mask.track} overlap, "
                f"but {form} holds one object per pixel",
                hint="--set overlap=score gives such pixels to the higher score",
            )
        ids[pixels] = mask.track
    return ids


def _worst_first(masks: Sequence[InstanceMask]) -> list[InstanceMask]:
    return sorted(masks, key=lambda mask: (mask.score, -mask.track))
