"""A camera of this machine, frame by frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError, SetupError

Array8 = NDArray[np.uint8]


class CameraReader:
    """Opens a camera and reads what it sees. An object belongs to one thread.

    Args:
        index: Number of the camera, from 0.

    Attributes:
        size: Height and width of its frames.
        fps: Frames per second; None when it does not say.
        frames: How many frames were read.

    Raises:
        SetupError: There is no such camera, or it gives no picture.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self._capture = _open(index)
        first = self._grab() if self._capture.isOpened() else None
        if first is None:
            self.close()
            raise SetupError(
                f"camera {index} cannot be opened",
                hint="give the number of a camera that is there and free, or a video file",
            )
        self._first: Array8 | None = first
        self.size = (first.shape[0], first.shape[1])
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if math.isfinite(fps) and fps > 0 else None
        self.frames = 0

    def read(self) -> Array8:
        """Wait for the next frame, (H, W, 3) RGB.

        Raises:
            InputError: The camera gives no more frames, such as one that was pulled out.
        """
        image, self._first = self._first, None
        if image is None:
            image = self._grab()
        if image is None:
            raise InputError(f"camera {self.index} stopped after {self.frames} frames")
        self.frames += 1
        return image

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()

    def _grab(self) -> Array8 | None:
        done, image = self._capture.read()
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8) if done else None


def _open(index: int) -> cv2.VideoCapture:
    """Open without OpenCV's own lines on stderr: the error that follows says it all."""
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(index)
    finally:
        logging.setLogLevel(level)
