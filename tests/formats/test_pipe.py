"""Standard input and output as bytes: waiting can be ended, terminals are refused."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from vstc.errors import ConfigError
from vstc.formats.video import pipe


class Stdin:
    """Standard input that is a real pipe."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.buffer = os.fdopen(reader, "rb")
        self.writer = os.fdopen(writer, "wb", buffering=0)

    def isatty(self) -> bool:
        return False


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stdin]:
    made = Stdin()
    monkeypatch.setattr(sys, "stdin", made)
    yield made
    made.writer.close()
    made.buffer.close()


def test_bytes_come_as_they_were_written_whatever_the_bites(stdin: Stdin) -> None:
    source = pipe.standard_input()
    assert source.name == "standard input"

    def feed() -> None:
        for _ in range(50):
            stdin.writer.write(b"ab\n" * 1000)
        stdin.writer.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    with source.stream as stream:
        assert stream.readline() == b"ab\n"
        assert stream.read(148_997) == b"ab\n" * 49_665 + b"ab"
        assert stream.read() == b"\n" + b"ab\n" * 333
        assert stream.read() == b""
    feeder.join()


def test_a_reader_that_waits_is_woken(stdin: Stdin) -> None:
    source = pipe.standard_input()
    got: list[bytes] = []
    with source.stream as stream:
        reader = threading.Thread(target=lambda: got.append(stream.read(10)))
        reader.start()
        stdin.writer.write(b"abc")
        time.sleep(0.05)
        assert reader.is_alive()
        source.interrupt()
        reader.join(10)
        assert not reader.is_alive()
    assert got == [b"abc"]
    source.interrupt()  # after the end it does nothing


def test_input_that_is_no_real_file_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"abc")))
    source = pipe.standard_input()
    source.interrupt()
    assert source.stream.read() == b"abc"


@pytest.mark.parametrize(("name", "opening"), [
    ("stdin", pipe.standard_input), ("stdout", pipe.standard_output)
])  # fmt: skip
def test_a_terminal_is_refused(name: str, opening: object, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, name, terminal)
    with pytest.raises(ConfigError, match="a terminal"):
        opening()  # type: ignore[operator]


def test_what_is_written_is_on_its_way_at_once() -> None:
    code = (
        "import sys, time\nfrom vstc.formats.video.pipe import standard_output, write_all\n"
        "sys.stdout.write('first ')\n"
        "write_all(standard_output(), b'second')\n"
        "import os; os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"first second"
