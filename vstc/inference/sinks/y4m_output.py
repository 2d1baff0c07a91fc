"""Results as a video in a pipe, for ``| ffplay -`` and its like."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.images import color_labels, overlay_labels
from vstc.formats.video.y4m import Y4mWriter
from vstc.inference.results import FrameResult, Size, refuse_other_size
from vstc.inference.sinks.overlay_video import DEFAULT_FPS

Array8 = NDArray[np.uint8]
_MOST_WAITING = 3


class StdoutFormat(StrEnum):
    """What standard output carries: a video of overlays, or of the label colours alone."""

    Y4M = "y4m"
    Y4M_COLORS = "y4m-colors"


class Y4mOutput:
    """Writes one YUV4MPEG2 stream; clips follow one another in it.

    Pictures are drawn and converted in a thread, but only the caller's thread writes: where the
    reader is slow it waits, and Ctrl-C ends that.

    Args:
        stream: Where the bytes go.
        palette: (256, 3) RGB, the colour of each id; black shows the frame in an overlay.
        format: What is drawn.
    """

    def __init__(
        self, stream: BinaryIO, palette: Array8, *, format: StdoutFormat = StdoutFormat.Y4M
    ) -> None:
        self._stream = stream
        self._palette = palette
        self._format = format
        self._clip_id = ""
        self._writer: Y4mWriter | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[bytes]] = deque()

    def open(self, clip_id: str, *, size: Size, fps: float | None) -> None:
        """Begin a clip; the first one sets size and frame rate (unknown: 25) of the stream.

        Raises:
            InputError: The frames have another size than those of the first clip.
            BrokenPipeError: Nobody reads the stream any more; ``write`` and ``close`` raise it
                too.
        """
        if self._writer is None:
            self._writer = Y4mWriter(self._stream, size=size, fps=fps or DEFAULT_FPS)
        if self._writer.size != size:
            raise InputError(
                f"clip {clip_id} is {size[1]}x{size[0]}, but the video in standard output is "
                f"{self._writer.size[1]}x{self._writer.size[0]}",
                hint="predict clips of other sizes in other calls, or without --stdout",
            )
        self._clip_id = clip_id
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="y4m")

    def write(self, result: FrameResult) -> None:
        """Take a frame, and write those that are ready.

        Raises:
            InputError: It has another size than the clip.
        """
        assert self._writer is not None
        assert self._pool is not None
        refuse_other_size(result, self._writer.size, clip_id=self._clip_id)
        self._waiting.append(self._pool.submit(self._encode, result))
        self._write_out(most=_MOST_WAITING)

    def close(self) -> None:
        """Write all frames."""
        self._write_out(most=0)
        self._end_thread()

    def abandon(self) -> None:
        """Write nothing more."""
        self._waiting.clear()
        self._end_thread()

    def _encode(self, result: FrameResult) -> bytes:
        assert self._writer is not None
        if self._format is StdoutFormat.Y4M_COLORS:
            picture = color_labels(result.labels, self._palette)
        else:
            picture = overlay_labels(result.frame, result.labels, self._palette)
        return self._writer.encode(picture)

    def _write_out(self, *, most: int) -> None:
        """Write what is ready; wait for the oldest while more than ``most`` are waiting."""
        assert self._writer is not None
        while self._waiting and (len(self._waiting) > most or self._waiting[0].done()):
            self._writer.write_encoded(self._waiting.popleft().result())

    def _end_thread(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
