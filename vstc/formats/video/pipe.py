"""Standard input and output as streams of bytes, for data that programs hand to each other."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, cast

from vstc.errors import ConfigError

STDIN_NAME = "standard input"
STDOUT_NAME = "standard output"


@dataclass(frozen=True)
class ByteSource:
    """Bytes that come in.

    Attributes:
        stream: Where to read them.
        name: What messages call it.
        interrupt: Makes a read that waits for bytes in another thread return, as if at the end.
    """

    stream: BinaryIO
    name: str
    interrupt: Callable[[], None] = lambda: None


def standard_input() -> ByteSource:
    """Open standard input for reading bytes.

    Raises:
        ConfigError: It is a terminal: nobody types a video.
    """
    if sys.stdin.isatty():
        raise ConfigError(
            "- reads frames from standard input, which is a terminal",
            hint="pipe a video in: ffmpeg -i drive.mp4 -f yuv4mpegpipe - | vstc ...",
        )
    raw = sys.stdin.buffer
    try:
        waiting = _WaitingInput(raw.fileno())
    except (OSError, ValueError):  # not a real file, as in a test
        return ByteSource(raw, STDIN_NAME)
    stream = cast(BinaryIO, io.BufferedReader(waiting))
    return ByteSource(stream, STDIN_NAME, waiting.interrupt)


def standard_output() -> BinaryIO:
    """Open standard output for writing bytes, unbuffered: what is written is on its way.

    Raises:
        ConfigError: It is a terminal.
    """
    if sys.stdout.isatty():
        raise ConfigError(
            "standard output is a terminal, which cannot show a video",
            hint="pipe it on: vstc ... | ffplay -",
        )
    sys.stdout.flush()
    buffered = sys.stdout.buffer
    return cast(BinaryIO, getattr(buffered, "raw", buffered))


def write_all(stream: BinaryIO, data: bytes | memoryview) -> None:
    """Write all bytes to a stream that may take a part at a time.

    Raises:
        BrokenPipeError: Nobody reads any more.
    """
    left = memoryview(data).cast("B")
    while left:
        left = left[stream.write(left) :]


class _WaitingInput(io.RawIOBase):
    """A file descriptor whose reader can be woken from another thread.

    Args:
        descriptor: Open for reading; it is not closed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._wake_reader, self._wake_writer = os.pipe()
        self._poll = select.poll()
        for readable in (descriptor, self._wake_reader):
            self._poll.register(readable, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read some bytes; 0 at the end, or once interrupted."""
        ready = {descriptor for descriptor, _ in self._poll.poll()}
        if self._wake_reader in ready:
            return 0
        return os.readv(self._descriptor, [buffer])

    def interrupt(self) -> None:
        """End all waiting, now and later."""
        if not self.closed:
            os.write(self._wake_writer, b"x")

    def close(self) -> None:
        if not self.closed:
            os.close(self._wake_reader)
            os.close(self._wake_writer)
        super().close()
