"""A sink at work in a thread of its own."""

from __future__ import annotations

from functools import partial

from vstc.inference.results import FrameResult, ResultSink, Size
from vstc.inference.stream import StageTimes, WriteBehind

_MOST_WAITING = 3


class InThread:
    """Hands results to another sink in a thread, in order, a few at most waiting.

    Args:
        sink: Does the work.
        times: Is added to.
    """

    def __init__(self, sink: ResultSink, times: StageTimes) -> None:
        self._sink = sink
        self._times = times
        self._writes: WriteBehind | None = None

    def open(self, clip_id: str, *, size: Size, fps: float | None) -> None:
        """Begin a clip."""
        self._sink.open(clip_id, size=size, fps=fps)
        self._writes = WriteBehind(1, self._times, most=_MOST_WAITING)

    def write(self, result: FrameResult) -> None:
        """Hand a result to the thread."""
        assert self._writes is not None
        self._writes.submit(partial(self._sink.write, result))

    def close(self) -> None:
        """Wait for the thread and finish the clip."""
        writes, self._writes = self._writes, None
        if writes is not None:
            with writes:
                writes.drain()
            self._sink.close()

    def abandon(self) -> None:
        """Wait for the thread and give the clip up."""
        writes, self._writes = self._writes, None
        if writes is not None:
            with writes:
                writes.settle()
        self._sink.abandon()
