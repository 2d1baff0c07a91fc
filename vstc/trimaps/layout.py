"""Where things lie in a trimaps artifact, and how its images are packed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

KIND = "vstc.trimaps"
INDEX = "trimaps.json"
TRACKS = "tracks.json"
MERGED = "merged"
FIRST_MASKS = "first-masks"
# Trimaps are flat: filters make the rows no smaller, and take three times as long.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]


def trimap_file(clip_id: str, track: int, frame_name: str) -> str:
    """Return where the trimap of an object in a frame lies."""
    return f"{clip_id}/{track}/{frame_name}.png"


def merged_file(clip_id: str, frame_name: str) -> str:
    """Return where the trimap of all objects of a frame lies."""
    return f"{clip_id}/{MERGED}/{frame_name}.png"


def first_mask_file(clip_id: str, track: int) -> str:
    """Return where the mask of an object in its first frame lies."""
    return f"{clip_id}/{FIRST_MASKS}/{track}.png"


def overlay_file(clip_id: str) -> str:
    """Return where the video of a clip lies."""
    return f"{clip_id}/overlay.mp4"


def tracks_file(clip_id: str) -> str:
    """Return where the record of a clip lies; it is written last."""
    return f"{clip_id}/{TRACKS}"


def encode_flat(image: NDArray[np.uint8]) -> bytes:
    """Encode an (H, W) image of few values as PNG of one channel with 8 bits."""
    done, data = cv2.imencode(".png", image, _PNG)
    if not done:
        raise ValueError(f"PNG encoding failed for shape {image.shape}, {image.dtype}")
    return data.tobytes()
