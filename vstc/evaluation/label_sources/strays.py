"""Counts ids outside the class table, so that misses which are no class are not silent."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import Clip


@dataclass(frozen=True)
class Stray:
    """Ids outside the class table in the predictions of a clip.

    Attributes:
        pixels: Pixels that hold one.
        frames: Frames that hold one.
        first_id: The lowest such id of the first such frame.
        first_frame: Name of that frame.
    """

    pixels: int
    frames: int
    first_id: int
    first_frame: str

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "pixels": self.pixels,
            "frames": self.frames,
            "first_id": self.first_id,
            "first_frame": self.first_frame,
        }


class StrayIds:
    """Collects stray ids clip by clip; threads may share it. Frames count each time they are read.

    Args:
        is_known: (256,) whether an id is expected.
    """

    def __init__(self, is_known: NDArray[np.bool_] | None = None) -> None:
        known = np.ones(256, np.bool_) if is_known is None else is_known
        self._is_stray = np.asarray(~known, np.uint8)
        self._has_any = bool(self._is_stray.any())
        self._found: dict[str, Stray] = {}
        self._guard = threading.Lock()

    def look_at(self, clip: Clip, frame_name: str, ids: NDArray[np.uint8]) -> None:
        """Count the stray ids of a frame, (H, W)."""
        if not self._has_any:
            return
        marks = cv2.LUT(ids, self._is_stray)
        pixels = cv2.countNonZero(marks)
        if pixels == 0:
            return
        first = Stray(pixels, 1, int(ids[marks != 0].min()), frame_name)
        with self._guard:
            before = self._found.get(clip.id)
            if before is not None:
                first = replace(before, pixels=before.pixels + pixels, frames=before.frames + 1)
            self._found[clip.id] = first

    def of(self, clip: Clip) -> Stray | None:
        """Return what was found in a clip; None when nothing was."""
        return self._found.get(clip.id)
