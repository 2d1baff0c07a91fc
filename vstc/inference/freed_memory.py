"""Freed memory stays with the process: the next call of a network finds it at hand."""

from __future__ import annotations

import ctypes
from functools import cache

# Of glibc, malloc.h. 32 MiB is the most that the second takes.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _LARGEST_BYTES = 512 * 2**20, 32 * 2**20


@cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory; return whether it does.

    A network on the processor makes and frees the same maps at every call. By default glibc gives
    large ones back to the system, which hands them out again page by page, cleared; that took a
    sixth of the time of a call. The peak of memory does not change. Other C libraries are left
    as they are.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    options = ((_MMAP_THRESHOLD, _LARGEST_BYTES), (_TRIM_THRESHOLD, _KEPT_BYTES))
    return all(set_option(option, value) == 1 for option, value in options)
