"""Middlebury ``.flo``: the tag 202021.25, width, height, then float32 (u, v) by rows."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.errors import InputError

# Beyond this magnitude the format's authors mark a pixel as unknown.
UNKNOWN_ABOVE = 1e9
_TAG = 202021.25
_HEADER = struct.Struct("<fii")
_LARGEST_SIDE = 99_999


def read_flo(path: Path) -> NDArray[np.float32]:
    """Read a ``.flo`` file.

    Returns:
        (H, W, 2) float32, (x, y) in pixels. In published truth it is the flow from the first
        image to the second, on the grid of the first. ``known_flow`` tells which pixels count.

    Raises:
        InputError: Missing, truncated, too long, or not a ``.flo`` file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    height, width = _checked_size(path, data[: _HEADER.size], len(data))
    values = np.frombuffer(data, "<f4", offset=_HEADER.size)
    return values.reshape(height, width, 2).astype(np.float32)


def flo_size(path: Path) -> tuple[int, int]:
    """Read (height, width) of a ``.flo`` file from its header; its length is checked too.

    Raises:
        InputError: As ``read_flo``.
    """
    try:
        with path.open("rb") as stream:
            return _checked_size(path, stream.read(_HEADER.size), path.stat().st_size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def known_flow(flow: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (H, W) bool: pixels whose flow is known, by the format's mark of 1e9."""
    return np.asarray((np.abs(flow) < UNKNOWN_ABOVE).all(axis=2))


def write_flo(path: Path, flow: NDArray[np.float32]) -> None:
    """Write (H, W, 2) flow as ``.flo``, atomically."""
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"flow must be (H, W, 2), not {flow.shape}")
    height, width = flow.shape[:2]
    header = _HEADER.pack(_TAG, width, height)
    atomic_write_bytes(path, header + np.ascontiguousarray(flow, "<f4").tobytes())


def _checked_size(path: Path, header: bytes, size_bytes: int) -> tuple[int, int]:
    if size_bytes < _HEADER.size:
        raise InputError(f"flow file is truncated: {path} has {size_bytes} bytes")
    tag, width, height = _HEADER.unpack(header)
    if tag != _TAG:
        raise InputError(f"{path} is not a .flo file: its tag is {tag:g}, not {_TAG}")
    if not (1 <= width <= _LARGEST_SIDE and 1 <= height <= _LARGEST_SIDE):
        raise InputError(f"{path} gives an impossible size: {width} x {height}")
    expected = _HEADER.size + 8 * width * height
    if size_bytes != expected:
        how = "truncated" if size_bytes < expected else "too long"
        raise InputError(
            f"flow file is {how}: {path} has {size_bytes} bytes, "
            f"{width} x {height} pixels need {expected}"
        )
    return height, width
