"""Write files so that a reader sees the old state or the new one, never a half."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vstc.errors import OutputError

PARTIAL_SUFFIX = ".partial"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what is written there takes its place at the end.

    Args:
        path: The file to be. Its folder is made.

    Yields:
        The path to write to. When the body fails, the temporary file is removed.

    Raises:
        OutputError: The disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise output_failure(path, error) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def atomic_write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a whole file at once, atomically."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


def atomic_write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON, sorted and indented by two, atomically."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    atomic_write_bytes(path, text.encode())


def output_failure(path: Path, error: OSError) -> OutputError:
    """Turn an operating system error of a write into one that tells what to do."""
    if error.errno in _NO_SPACE:
        return OutputError(
            f"the disk is full: {path}", hint="free some space, then run again with --resume"
        )
    return OutputError(f"cannot write {path}: {error.strerror or error}")


def is_partial(name: str) -> bool:
    """Tell whether a file name is that of a temporary file of ours."""
    return name.startswith(".") and name.endswith(PARTIAL_SUFFIX)


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left below ``folder``."""
    for partial in folder.rglob(f".*{PARTIAL_SUFFIX}"):
        partial.unlink(missing_ok=True)
