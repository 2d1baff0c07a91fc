"""Run a command between two real pipes, without paying for the import of torch every time.

A server process imports it once; every command is a fork of that clean process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

PATIENCE_SECONDS = 60
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["cv2", "torch", "vstc.inference.predict"])


class PipedCommand:
    """A command that runs; its ends are pipes.

    Args:
        arguments: Words after ``vstc``.
        folder: A new folder for the pipes.
    """

    def __init__(self, arguments: Sequence[object], folder: Path) -> None:
        folder.mkdir()
        for name in ("stdin", "stdout"):
            os.mkfifo(folder / name)
        words = [str(word) for word in arguments]
        self._folder = folder
        self._process = _SERVER.Process(target=_run, args=(words, folder))
        self._process.start()
        self.stdin: BinaryIO = (folder / "stdin").open("wb", buffering=0)
        self.stdout: BinaryIO = (folder / "stdout").open("rb", buffering=0)

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        self._process.join(PATIENCE_SECONDS)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            raise TimeoutError(f"the command did not end: {self.stderr}")
        for end in (self.stdin, self.stdout):
            end.close()
        return code

    def kill(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._process.join()
        for end in (self.stdin, self.stdout):
            end.close()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        pid = self._process.pid
        assert pid is not None
        os.kill(pid, signal.SIGINT)

    @property
    def stderr(self) -> str:
        """What it said."""
        return (self._folder / "stderr").read_text()


def until(is_true: object, what: str) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.005)


def _run(words: list[str], folder: Path) -> None:
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT), 2)
    os.dup2(os.open(folder / "stdin", os.O_RDONLY), 0)
    os.dup2(os.open(folder / "stdout", os.O_WRONLY), 1)
    # The server's own streams are no terminals of ours: begin as a new program does.
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import cv2
    import torch

    from vstc.cli import main

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    sys.argv = ["vstc", *words]
    main()
