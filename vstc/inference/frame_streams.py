"""Frames in order, wherever they come from: data set, folder, video, camera or a pipe."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.formats.frames import FrameReader
from vstc.formats.images import image_size
from vstc.formats.video.camera import CameraReader
from vstc.formats.video.motion_field import FrameVectors
from vstc.formats.video.y4m import Y4mReader

Array8 = NDArray[np.uint8]
Size = tuple[int, int]


@dataclass(frozen=True)
class StreamFrame:
    """A frame.

    Attributes:
        index: Its place in the clip, from 0.
        name: Its name in the clip; a file that belongs to it is called so.
        image: (H, W, 3) RGB.
        vectors: Motion vectors that its video stores for it; None where nobody asked for them.
    """

    index: int
    name: str
    image: Array8
    vectors: FrameVectors | None = None


class FrameStream(ABC):
    """The frames of one clip, read once and in order.

    One thread iterates; ``close`` may be called from any other, also while that one waits for a
    frame: the iteration then ends as if the clip did.

    Attributes:
        clip_id: Name of the clip.
    """

    def __init__(self, clip_id: str) -> None:
        self.clip_id = clip_id
        self._is_closed = False
        self._is_released = False
        self._guard = threading.Lock()

    @property
    @abstractmethod
    def size(self) -> Size:
        """Height and width of the first frame; those of a folder of images may differ."""

    @property
    @abstractmethod
    def fps(self) -> float | None:
        """Frames per second; None when unknown."""

    @property
    @abstractmethod
    def num_frames(self) -> int | None:
        """How many frames an iteration gives; None when nobody knows."""

    def __iter__(self) -> Iterator[StreamFrame]:
        """Read the frames.

        Raises:
            InputError: A frame cannot be read; the message names it.
        """
        while (frame := self._next_unless_closed()) is not None:
            yield frame

    def close(self) -> None:
        """End the iteration and let go of files and devices. May be called twice."""
        self._is_closed = True
        self._wake()
        with self._guard:
            if not self._is_released:
                self._is_released = True
                self._release()

    @abstractmethod
    def _next(self) -> StreamFrame | None:
        """Read the next frame; None at the end."""

    # Two hooks that a stream may leave as they are.

    def _wake(self) -> None:  # noqa: B027
        """Make ``_next``, if it waits in another thread, return or raise soon."""

    def _release(self) -> None:  # noqa: B027
        """Let go of files and devices."""

    def _next_unless_closed(self) -> StreamFrame | None:
        with self._guard:
            if self._is_closed:
                return None
            try:
                return self._next()
            except InputError:
                if self._is_closed:  # the end of a pipe that was closed under the reader
                    return None
                raise


class ClipStream(FrameStream):
    """A clip of a data set, or some of its frames.

    Args:
        dataset: The data set.
        clip: The clip.
        indices: Places of the frames to read, in this order; None reads all.
    """

    def __init__(
        self, dataset: Dataset, clip: Clip, *, indices: Sequence[int] | None = None
    ) -> None:
        super().__init__(clip.id)
        self._dataset = dataset
        self._clip = clip
        self._reader: FrameReader | None = None
        self._indices = range(len(clip.frames)) if indices is None else indices
        self._to_come = iter(self._indices)

    @cached_property
    def size(self) -> Size:
        """Height and width of the first frame that is read."""
        source = self._dataset.frame_source(self._clip, self._indices[0])
        if not isinstance(source, VideoFrame):
            return image_size(source)
        image = FrameReader(self._dataset).read(self._clip, self._indices[0])
        return image.shape[0], image.shape[1]

    @property
    def fps(self) -> float | None:
        """Frames per second of the clip, whatever frames of the source it skips."""
        clip = self._clip
        return None if clip.fps is None else clip.fps / (clip.frame_step or 1)

    @property
    def num_frames(self) -> int | None:
        """How many frames are read."""
        return len(self._indices)

    def _next(self) -> StreamFrame | None:
        index = next(self._to_come, None)
        return None if index is None else self._read(index)

    def _read(self, index: int) -> StreamFrame:
        if self._reader is None:
            self._reader = FrameReader(self._dataset)
        image = self._reader.read(self._clip, index)
        return StreamFrame(index, self._clip.frame_names[index], image)

    def _release(self) -> None:
        self._reader = None


class LiveStream(FrameStream):
    """Frames that come once and are not stored; they are called by their number.

    Attributes:
        source: Where they come from, in words.
        limit: The iteration ends after so many frames; None sets no end.
        frames: How many frames were given.
    """

    def __init__(self, clip_id: str, *, source: str) -> None:
        super().__init__(clip_id)
        self.source = source
        self.limit: int | None = None
        self.frames = 0

    @property
    def num_frames(self) -> int | None:
        """None: nobody knows how many frames will come."""
        return None

    def _next(self) -> StreamFrame | None:
        if self.frames == self.limit:
            return None
        image = self._read()
        if image is None:
            return None
        self.frames += 1
        return StreamFrame(self.frames - 1, f"{self.frames - 1:06d}", image)

    @abstractmethod
    def _read(self) -> Array8 | None: ...


class Y4mStream(LiveStream):
    """Frames from a pipe.

    Args:
        reader: Reads them.
        clip_id: Name of the clip.
        interrupt: Makes a waiting read return.
    """

    def __init__(
        self, reader: Y4mReader, *, clip_id: str, interrupt: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(clip_id, source=reader.name)
        self._reader = reader
        self._interrupt = interrupt

    @property
    def size(self) -> Size:
        """Height and width of all frames."""
        return self._reader.header.size

    @property
    def fps(self) -> float | None:
        """Frames per second by the stream's word."""
        rate = self._reader.header.fps
        return None if rate is None else float(rate)

    def _read(self) -> Array8 | None:
        return self._reader.read()

    def _wake(self) -> None:
        self._interrupt()


class CameraStream(LiveStream):
    """What a camera sees, until the iteration is closed.

    Args:
        camera: The camera.
    """

    def __init__(self, camera: CameraReader) -> None:
        super().__init__(f"camera{camera.index}", source=f"camera {camera.index}")
        self._camera = camera

    @property
    def size(self) -> Size:
        """Height and width of all frames."""
        return self._camera.size

    @property
    def fps(self) -> float | None:
        """Frames per second by the camera's word."""
        return self._camera.fps

    def _read(self) -> Array8 | None:
        return self._camera.read()

    def _release(self) -> None:
        self._camera.close()
