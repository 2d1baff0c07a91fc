"""Motion vectors that a video's codec stored, without its pixels; needs the extra ``video``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from vstc.errors import InputError
from vstc.formats.video.coded_pictures import decode_pictures, import_av
from vstc.formats.video.motion_field import FrameVectors, MotionField

_KEPT_FRAMES = 64


def require_motion_vectors() -> None:
    """Refuse to go on where PyAV is not installed.

    Raises:
        SetupError: It is not.
    """
    import_av()


class MotionVectorReader:
    """Reads the motion of the frames of a video; frames are numbered as by ``VideoReader``.

    Who wants the pixels too takes ``CodedVideoReader``, which decodes once for both. Reading
    forward decodes what lies between, going far back starts anew: always exact, cheapest in order.
    An object may serve several threads.

    Args:
        path: The video.

    Raises:
        SetupError: PyAV is not installed.
        InputError: The file is missing or no video, or its frames may refer to others than the
            one before. Some of that shows only while reading.

    Attributes:
        path: The video.
        size: Height and width of its frames.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._restart()
        if not self._advance():
            raise InputError(f"video has no frame that can be decoded: {path}")
        self.size = self._recent[0].size

    def read(self, index: int) -> MotionField:
        """Read the motion of a frame against the one before it.

        Args:
            index: Number of the frame; the first has no vectors.

        Raises:
            InputError: The video ends before that frame, or is damaged, or a frame refers to
                others than the one before.
        """
        return self.vectors(index).dense()

    def vectors(self, index: int) -> FrameVectors:
        """Read what ``read`` makes its field of, block by block."""
        with self._guard:
            return self._find(index)

    def stream(self) -> Iterator[MotionField]:
        """Read the motion of all frames in order."""
        index = 0
        while True:
            with self._guard:
                if index >= self._next and not self._advance():
                    return
                vectors = self._find(index)
            yield vectors.dense()
            index += 1

    def _find(self, index: int) -> FrameVectors:
        if index not in self._recent and 0 <= index < self._next:
            self._restart()
        while self._next <= index and self._advance():
            pass
        if index not in self._recent:
            raise InputError(
                f"video {self.path} has no frame {index}: decoding ends after {self._next}"
            )
        return self._recent[index]

    def _restart(self) -> None:
        self._recent: dict[int, FrameVectors] = {}
        self._next = 0
        self._coming = decode_pictures(self.path)

    def _advance(self) -> bool:
        try:
            picture = next(self._coming, None)
        except InputError:
            self._restart()  # so that whoever reads on meets the same error
            raise
        if picture is None:
            return False
        self._recent[self._next] = picture.vectors
        self._next += 1
        self._recent.pop(self._next - 1 - _KEPT_FRAMES, None)
        return True
