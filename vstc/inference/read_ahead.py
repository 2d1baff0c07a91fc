"""Read frames, or what is made of them, in a thread of its own, a few ahead of the user."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Protocol, TypeVar

_PATIENCE_SECONDS = 0.05
Item = TypeVar("Item")
GivenItem = TypeVar("GivenItem", covariant=True)


class ClosableSource(Protocol[GivenItem]):
    """Gives items to one thread; a ``FrameStream`` is one."""

    def __iter__(self) -> Iterator[GivenItem]:
        """Give the items in order."""

    def close(self) -> None:
        """End the iteration; may be called from any thread, and twice."""


class _End:
    """Marks the end of the frames.

    Args:
        error: What ended them; None when there are no more.
    """

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class ReadAhead(Generic[Item]):
    """Reads a stream in a thread; at most ``depth`` frames wait, and two more are in hands.

    A context manager that gives the frames. However it is left, by an error or Ctrl-C too, the
    thread has ended and the stream is closed.

    Args:
        stream: The frames. An error in reading them is raised after all frames before it.
        depth: How many frames may wait.
        name: Of the thread.
    """

    def __init__(
        self, stream: ClosableSource[Item], *, depth: int, name: str = "read-ahead"
    ) -> None:
        self._stream = stream
        self._waiting: queue.Queue[Item | _End] = queue.Queue(depth)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Iterator[Item]:
        self._thread.start()
        return self._frames()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        while self._thread.is_alive():
            self._drop_waiting()
            self._thread.join(_PATIENCE_SECONDS)
        self._drop_waiting()

    def _frames(self) -> Iterator[Item]:
        while not isinstance(item := self._waiting.get(), _End):
            yield item
            del item  # a frame that is used up must not stay while the next is awaited
        if item.error is not None:
            raise item.error

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for frame in self._stream:
                self._waiting.put(frame)
                del frame
        except BaseException as caught:
            error = caught
        self._waiting.put(_End(error))

    def _drop_waiting(self) -> None:
        try:
            while True:
                self._waiting.get_nowait()
        except queue.Empty:
            pass
