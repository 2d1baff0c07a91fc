"""Make HDF5 files so that a full disk is an error, and not the end of the process."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

# A fixed file format: files do not change with the HDF5 release, and HDF5 1.10 reads them.
_FORMAT = ("v110", "v110")


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """Make a file; it is closed at the end, and when the body fails its content is lost.

    HDF5 that cannot write out its caches when it closes a file keeps that file half open, and the
    process crashes when it ends. So they are written out first, and if that fails, or the body
    did, into memory that is then let go.

    Args:
        path: The file to be.

    Raises:
        OSError: The disk is full, also at the end.
    """
    file = h5py.File(path, "w", libver=_FORMAT)
    try:
        yield file
        _flush(file, path)
    except BaseException:
        _discard(file)
        raise
    file.close()


def _discard(file: h5py.File) -> None:
    # Memory takes what the disk does not; a null device would do but cannot change its length.
    elsewhere = os.memfd_create("discarded") if hasattr(os, "memfd_create") else None
    if elsewhere is not None:
        os.dup2(elsewhere, file.id.get_vfd_handle())
        os.close(elsewhere)
    file.close()


def _flush(file: h5py.File, path: Path) -> None:
    try:
        file.flush()
    except RuntimeError as error:  # what h5py makes of the system's error here
        number = re.search(r"errno = (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from error
