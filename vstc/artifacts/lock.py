"""One writer per artifact: a lock that the operating system drops when its owner dies."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from pathlib import Path
from types import TracebackType
from typing import IO

from vstc.artifacts.atomic import output_failure
from vstc.errors import OutputError

LOCK = ".lock"


class FolderLock:
    """Exclusive lock on a folder, held while the context is open.

    The file names the owner for people; what counts is the ``flock`` on it, so the lock of a
    process that was killed is free at once and the next owner takes it over.

    Raises:
        OutputError: Another live process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._file: IO[str] | None = None

    def __enter__(self) -> FolderLock:
        try:
            file = self._path.open("a+", encoding="utf-8")
        except OSError as error:
            raise output_failure(self._path, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = self._owner(file)
            file.close()
            raise OutputError(
                f"{self._path.parent} is being written by {owner}",
                hint="wait for it or stop it, then run again with --resume",
            ) from error
        except OSError as error:
            file.close()
            raise output_failure(self._path, error) from error
        if not self._is_still_ours(file):
            file.close()
            return self.__enter__()
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "host": platform.node()}, file)
        file.flush()
        self._file = file
        os.register_at_fork(after_in_child=self._forget)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        """Close a forked child's copy, which would hold the lock after the owner's death."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_still_ours(self, file: IO[str]) -> bool:
        """Tell whether the file that was locked is the one that now bears the name."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    @staticmethod
    def _owner(file: IO[str]) -> str:
        file.seek(0)
        try:
            owner = json.load(file)
            return f"process {owner['pid']} on {owner['host']}"
        except (ValueError, KeyError):
            return "another process"
