"""Streams and sinks made up for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from vstc.inference.frame_streams import FrameStream, StreamFrame
from vstc.inference.results import FrameResult, Size


def gray(level: int, size: Size = (4, 6)) -> np.ndarray:
    return np.full((*size, 3), level % 256, np.uint8)


class MadeStream(FrameStream):
    """Grey frames; ``before`` is called with the number of each before it is given."""

    def __init__(
        self, frames: int | None, *, before: Callable[[int], None] = lambda _index: None
    ) -> None:
        super().__init__("made")
        self.frames = frames
        self.before = before
        self.given = 0
        self.released = 0

    @property
    def size(self) -> Size:
        return (4, 6)

    @property
    def fps(self) -> float | None:
        return 25.0

    @property
    def num_frames(self) -> int | None:
        return self.frames

    def _next(self) -> StreamFrame | None:
        if self.given == self.frames:
            return None
        self.before(self.given)
        self.given += 1
        return StreamFrame(self.given - 1, f"{self.given - 1:06d}", gray(self.given - 1))

    def _release(self) -> None:
        self.released += 1


class ListSink:
    """Writes down what happens to it; fails where it is told to."""

    def __init__(self, *, fails: str = "", error: BaseException | None = None) -> None:
        self.fails, self.error = fails, error
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())
        if call == self.fails and self.error is not None:
            raise self.error

    def open(self, clip_id: str, *, size: Size, fps: float | None) -> None:
        self._note(f"open {clip_id}")

    def write(self, result: FrameResult) -> None:
        self._note(f"write {result.name}")

    def close(self) -> None:
        self._note("close")

    def abandon(self) -> None:
        self._note("abandon")


def result_of(index: int, *, size: Size = (4, 6), **parts: object) -> FrameResult:
    labels = np.full(size, index % 3, np.uint8)
    return FrameResult(index, f"{index:06d}", gray(index, size), labels, **parts)  # type: ignore[arg-type]
