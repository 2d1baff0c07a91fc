"""Video files: frames in order, any one frame exactly, and writing overlays."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import output_failure
from vstc.errors import InputError, OutputError

Array8 = NDArray[np.uint8]
_ATTEMPTS = 16
_CODECS = ("mp4v", "avc1", "vp09")
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"})


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video without decoding all of it.

    Attributes:
        width: Pixels, of the first decoded frame (any rotation applied).
        height: Pixels, likewise.
        fps: Frames per second; None when the file does not say.
        declared_frames: Number of frames by the file's own word, which may be wrong; None
            when it does not say.
    """

    width: int
    height: int
    fps: float | None
    declared_frames: int | None


class VideoReader:
    """Decodes a video; frame numbers are places in decoding order, never estimated by time.

    A damaged frame that the decoder reports is an error; what it conceals, or leaves out without a
    word, is not known here: then fewer frames are decoded than declared.

    Seeking in OpenCV lands beside the wanted frame with some files, so going forward decodes
    what lies between and going back starts anew: always exact, cheapest in order. An object
    belongs to one thread.

    Args:
        path: The video file.

    Raises:
        InputError: The file is missing, is no video, or holds not one whole frame. While reading:
            a frame in the middle is damaged.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"video not found: {path}")
        self.path = path
        self._capture = cv2.VideoCapture()
        self._next = 0
        self._last: Array8 | None = None
        self._restart()
        if not self._grab():
            self.close()
            raise InputError(
                f"video has no frame that can be decoded: {path}",
                hint="copy the file again, or convert it with ffmpeg to H.264 in .mp4",
            )
        self._last = self._retrieve()
        height, width = self._last.shape[:2]
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        declared = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.info = VideoInfo(
            width=width,
            height=height,
            fps=fps if math.isfinite(fps) and fps > 0 else None,
            declared_frames=int(declared) if declared > 0 else None,
        )

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the decoder."""
        self._capture.release()
        self._last = None

    def read(self, index: int) -> Array8:
        """Read one frame by its number.

        Returns:
            (H, W, 3) uint8 RGB; the same array again when the same frame is asked for twice.

        Raises:
            InputError: The video ends before that frame.
        """
        image = self._find(index)
        if image is None:
            raise InputError(
                f"video {self.path} has no frame {index}: decoding ends after {self._next}",
                hint="index the video again with: vstc data index video",
            )
        return image

    def stream(self, *, start: int = 0) -> Iterator[Array8]:
        """Read the frames in order to the end, holding one at a time.

        Args:
            start: Number of the first frame to give.
        """
        index = start
        while (image := self._find(index)) is not None:
            yield image
            index += 1

    def count_frames(self) -> int:
        """Count the frames by decoding all of them; metadata is not believed."""
        self._restart()
        while self._grab():
            pass
        return self._next

    def _find(self, index: int) -> Array8 | None:
        if index < 0:
            raise InputError(f"video {self.path} has no frame {index}")
        if self._last is not None and index == self._next - 1:
            return self._last
        if index < self._next:
            self._restart()
        while self._next <= index:
            if not self._grab():
                return None
        self._last = self._retrieve()
        return self._last

    def _restart(self) -> None:
        self._last = None
        self._next = 0
        if not self._capture.open(str(self.path)):
            raise InputError(
                f"not a video that can be read: {self.path}",
                hint="copy the file again, or convert it with ffmpeg to H.264 in .mp4",
            )

    def _grab(self) -> bool:
        """Decode the next frame without converting its colours; tell whether there is one."""
        if self._capture.grab():
            self._next += 1
            self._last = None
            return True
        # At the end every attempt fails; at a damaged place a later one does not.
        if any(self._capture.grab() for _ in range(_ATTEMPTS)):
            hole = self._next
            self._restart()
            raise InputError(
                f"video {self.path} is damaged: frame {hole} cannot be decoded, later ones can",
                hint="copy the file again, or make a whole one of what is left: "
                f"ffmpeg -i {self.path.name} whole.mp4",
            )
        return False

    def _retrieve(self) -> Array8:
        done, image = self._capture.retrieve()
        if not done:
            raise InputError(f"video {self.path}: frame {self._next - 1} cannot be decoded")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


class VideoWriter:
    """Writes frames as MPEG-4 into an .mp4 file that appears, whole, when the context ends.

    Where OpenCV was built without MPEG-4, H.264 or VP9 take its place.

    MPEG-4 stores even sizes only: an odd last row or column is doubled, so that nothing of
    the picture is lost. When the body fails, no file is left.

    Args:
        path: The file to be; its name must end with .mp4. Its folder is made.
        fps: Frames per second.
        size: (height, width) of the frames.

    Raises:
        OutputError: The name does not end with .mp4, or the encoder or the disk refuses.
    """

    def __init__(self, path: Path, *, fps: float, size: tuple[int, int]) -> None:
        if path.suffix.lower() != ".mp4":
            raise OutputError(f"cannot write video {path}", hint="give a name that ends with .mp4")
        if not (math.isfinite(fps) and fps > 0) or min(size) < 1:
            raise OutputError(f"cannot write video {path} with {fps} frames/s, size {size}")
        self.path = path
        self.frames = 0
        self._fps = fps
        self._size = size
        self._pad = (size[0] % 2, size[1] % 2)
        # OpenCV chooses the container by the suffix, so the temporary name keeps it.
        self._partial = path.with_name(f".{path.stem}.partial.mp4")
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> VideoWriter:
        height, width = self._size[0] + self._pad[0], self._size[1] + self._pad[1]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_failure(self.path, error) from error
        for codec in _CODECS:
            number = cv2.VideoWriter.fourcc(*codec)
            writer = cv2.VideoWriter(str(self._partial), number, self._fps, (width, height))
            if writer.isOpened():
                self._writer = writer
                return self
            writer.release()
        self._partial.unlink(missing_ok=True)
        raise OutputError(
            f"cannot open video for writing: {self.path}: OpenCV has none of the encoders "
            f"{', '.join(_CODECS)} for {width}x{height}, or the folder refuses",
            hint="install opencv-python-headless from PyPI, which has the first",
        )

    def write(self, frame: Array8) -> None:
        """Append one (H, W, 3) uint8 RGB frame of the size given at the start."""
        if self._writer is None:
            raise ValueError("the video is not open: use it in a with statement")
        if frame.shape != (*self._size, 3) or frame.dtype != np.uint8:
            raise ValueError(f"frame {frame.shape} {frame.dtype}, expected uint8 {self._size} x 3")
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if any(self._pad):
            bottom, right = self._pad
            image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        self._writer.write(image)
        self.frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        if kind is not None or self.frames == 0:
            self._partial.unlink(missing_ok=True)
            if kind is None:
                raise OutputError(f"no frame was written to {self.path}")
            return
        if _declared_frames(self._partial) != self.frames:
            self._partial.unlink(missing_ok=True)
            raise OutputError(
                f"video could not be written whole: {self.path}",
                hint="the disk may be full: free some space, then run again with --resume",
            )
        try:
            os.replace(self._partial, self.path)
        except OSError as failure:
            self._partial.unlink(missing_ok=True)
            raise output_failure(self.path, failure) from failure


def _declared_frames(path: Path) -> int:
    """Read back how many frames a video has: encoders pass over a full disk without a word."""
    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    return count
