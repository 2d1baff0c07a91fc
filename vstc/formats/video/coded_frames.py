"""Frames of a video with the motion vectors that its codec stored, both of one decoding.

Pixels equal those of ``VideoReader`` to the bit as long as PyAV and OpenCV bring the same FFmpeg.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.video.coded_pictures import CodedPicture, decode_pictures, import_av
from vstc.formats.video.motion_field import FrameVectors

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class CodedFrame:
    """A frame.

    Attributes:
        image: (H, W, 3) RGB.
        vectors: Its motion against the frame before it.
    """

    image: Array8
    vectors: FrameVectors


class CodedVideoReader:
    """Decodes a video; frames are numbered as by ``VideoReader``, and damage is met as there.

    Going forward decodes what lies between and going back starts anew: always exact, cheapest in
    order. One frame is kept. An object belongs to one thread at a time.

    Args:
        path: The video.

    Raises:
        SetupError: PyAV is not installed.
        InputError: The file is missing, is no video, holds not one whole frame, or its frames may
            refer to others than the one before. While reading: that shows only now, a frame in
            the middle is damaged, or another size begins.

    Attributes:
        path: The video.
        size: Height and width of its frames.
    """

    def __init__(self, path: Path) -> None:
        # OpenCV's way to BGR, kernel and all: others differ from it in what is not 4:2:0.
        self._colours = import_av().video.reformatter.VideoReformatter()
        self.path = path
        self._coming: Generator[CodedPicture]
        self._picture: CodedPicture | None
        self._last: CodedFrame | None
        self._restart()
        if not self._advance():
            raise InputError(
                f"video has no frame that can be decoded: {path}",
                hint="copy the file again, or convert it with ffmpeg to H.264 in .mp4",
            )
        assert self._picture is not None
        self.size: tuple[int, int] = self._picture.vectors.size

    def close(self) -> None:
        """Let go of the file."""
        self._coming.close()
        self._picture = self._last = None

    def read(self, index: int) -> CodedFrame:
        """Read one frame by its number.

        Returns:
            The same object again when the same frame is asked for twice.

        Raises:
            InputError: The video ends before that frame, is damaged, or its vectors are of no use.
        """
        frame = self._find(index)
        if frame is None:
            raise InputError(
                f"video {self.path} has no frame {index}: decoding ends after {self._next}",
                hint="index the video again with: vstc data index video",
            )
        return frame

    def stream(self, *, start: int = 0) -> Iterator[CodedFrame]:
        """Read the frames in order to the end, holding one at a time.

        Args:
            start: Number of the first frame to give.
        """
        index = start
        while (frame := self._find(index)) is not None:
            yield frame
            index += 1

    def _find(self, index: int) -> CodedFrame | None:
        if index < 0:
            raise InputError(f"video {self.path} has no frame {index}")
        if index < self._next - 1:
            self._restart()
        while self._next <= index:
            if not self._advance():
                return None
        if self._last is None:
            assert self._picture is not None
            self._last = self._converted(self._picture)
        return self._last

    def _restart(self) -> None:
        self._picture = self._last = None
        self._next = 0
        self._coming = decode_pictures(self.path)

    def _advance(self) -> bool:
        """Decode the next frame without converting its colours; tell whether there is one."""
        try:
            picture = next(self._coming, None)
        except InputError:
            self._restart()  # so that whoever reads on meets the same error
            raise
        if picture is None:
            return False
        self._picture, self._last = picture, None
        self._next += 1
        return True

    def _converted(self, picture: CodedPicture) -> CodedFrame:
        converted: Any = self._colours.reformat(
            picture.frame, format="bgr24", interpolation="BICUBIC"
        )
        image = cv2.cvtColor(converted.to_ndarray(), cv2.COLOR_BGR2RGB)
        return CodedFrame(np.asarray(image, np.uint8), picture.vectors)
