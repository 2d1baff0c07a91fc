"""Fixed point flow and its HDF5 chunks, encoded and decoded outside of HDF5's global lock.

A chunk is what HDF5's own filters ``shuffle`` and ``gzip`` would make of it, so that any
program reads the files. Doing the work here lets it run in as many threads as there are:
inside h5py, one lock is held while a chunk is compressed.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

SCALE = 64
LARGEST = 32767 / SCALE
CHUNK_HEIGHT, CHUNK_WIDTH = 128, 256
_LARGEST_FIXED = 32767
_RAW_DEFLATE = -15
_LITTLE_MEMORY = 6
_ZLIB_HEADER = b"\x78\x01"
_RUN_SHARE = 0.75


class Compression(StrEnum):
    """How much time to spend on size; both are plain gzip + shuffle for a reader.

    ``FAST`` stores the low bytes as they are where they would hardly shrink (they are noise for
    estimated flow) and squeezes the high bytes. ``SMALL`` is zlib's level 1 throughout.
    """

    FAST = "fast"
    SMALL = "small"


@dataclass(frozen=True)
class EncodedField:
    """One flow field, ready to be put into a file.

    Attributes:
        size: Height and width.
        chunks: Compressed chunks in raster order.
        visible_chunks: The same for the visibility map; None when there is none.
        saturated: How many values lay beyond +-511.98 px and were clipped.
    """

    size: tuple[int, int]
    chunks: tuple[bytes, ...]
    visible_chunks: tuple[bytes, ...] | None
    saturated: int

    @property
    def size_bytes(self) -> int:
        """Bytes that the field takes in the file."""
        return sum(map(len, self.chunks)) + sum(map(len, self.visible_chunks or ()))


def chunk_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the chunks of a field: 128 x 256, clipped to the frame."""
    return min(CHUNK_HEIGHT, size[0]), min(CHUNK_WIDTH, size[1])


def chunk_corners(size: tuple[int, int]) -> list[tuple[int, int]]:
    """List (top, left) of all chunks in raster order."""
    height, width = chunk_size(size)
    return [(y, x) for y in range(0, size[0], height) for x in range(0, size[1], width)]


def encode_field(
    flow: NDArray[np.float32],
    *,
    visible: NDArray[np.bool_] | NDArray[np.uint8] | None = None,
    compression: Compression = Compression.FAST,
) -> EncodedField:
    """Encode a flow field; safe in any thread, and most of it runs without the GIL.

    Args:
        flow: (H, W, 2), (x, y) in pixels.
        visible: (H, W), true where the pixel is seen in the other frame too.
        compression: What matters more, time or size.

    Raises:
        ValueError: The flow is not (H, W, 2), not finite, or differs in size from ``visible``.
    """
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"flow must be (H, W, 2), not {flow.shape}")
    size = (flow.shape[0], flow.shape[1])
    if visible is not None and visible.shape != size:
        raise ValueError(f"visibility is {visible.shape}, the flow {size}")
    flow = np.asarray(flow, np.float32)
    height, width = chunk_size(size)
    # Chunk by chunk in two small buffers: whole planes would leave the cache at every step.
    fixed, shuffled = np.zeros((height, width, 2), "<i2"), np.zeros((4, height, width), np.uint8)
    chunks, saturated = [], 0
    for y, x in chunk_corners(size):
        part = flow[y : y + height, x : x + width]
        saturated += _to_fixed_point(part, out=fixed[: part.shape[0], : part.shape[1]])
        planes = [shuffled[0], shuffled[2], shuffled[1], shuffled[3]]
        cv2.split(fixed.view(np.uint8), planes)
        chunks.append(_deflate(shuffled, compression))
    return EncodedField(size, tuple(chunks), _encode_visible(visible), saturated)


def decode_flow_chunk(data: bytes, size: tuple[int, int]) -> NDArray[np.int16]:
    """Undo gzip and shuffle of one flow chunk.

    Args:
        data: The chunk as it lies in the file.
        size: Height and width of the chunk.

    Returns:
        (height, width, 2) fixed point, scaled by 64.

    Raises:
        ValueError: The bytes are damaged.
    """
    u_low, v_low, u_high, v_high = _inflate(data, 4 * size[0] * size[1]).reshape(4, *size)
    fixed: NDArray[np.int16] = cv2.merge((u_low, u_high, v_low, v_high)).view("<i2")
    return fixed


def decode_visible_chunk(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Undo gzip of one visibility chunk; same arguments and errors as for flow."""
    return _inflate(data, size[0] * size[1]).reshape(size)


def _encode_visible(
    visible: NDArray[np.bool_] | NDArray[np.uint8] | None,
) -> tuple[bytes, ...] | None:
    if visible is None:
        return None
    size = (visible.shape[0], visible.shape[1])
    height, width = chunk_size(size)
    chunk, packed = np.zeros((height, width), np.uint8), []
    for y, x in chunk_corners(size):
        part = visible[y : y + height, x : x + width] != 0
        chunk[: part.shape[0], : part.shape[1]] = part
        packed.append(zlib.compress(chunk.data, 1))
    return tuple(packed)


def _to_fixed_point(flow: NDArray[np.float32], *, out: NDArray[np.int16]) -> int:
    """Round to 1/64 px into ``out``; return how many values were clipped."""
    # One pass in OpenCV instead of numpy's multiply, round and convert. It saturates, and makes
    # -32768 of what is not a number; both are rare and found below.
    out[...] = cv2.addWeighted(flow, SCALE, flow, 0, 0, dtype=cv2.CV_16S)
    if out.min() > -_LARGEST_FIXED and out.max() < _LARGEST_FIXED:
        return 0
    if not np.isfinite(flow).all():
        raise ValueError("flow holds values that are not finite")
    np.maximum(out, -_LARGEST_FIXED, out=out)
    return int(np.count_nonzero(np.abs(flow) > LARGEST))


def _deflate(shuffled: NDArray[np.uint8], compression: Compression) -> bytes:
    if compression is Compression.SMALL or _has_long_runs(shuffled[:2]):
        return zlib.compress(shuffled.data, 1)
    # A deflate stream is a chain of blocks, each packed as its maker liked: the low bytes are
    # stored, the high bytes (long runs of 0 and 255) packed by run lengths alone.
    high = zlib.compressobj(1, zlib.DEFLATED, _RAW_DEFLATE, _LITTLE_MEMORY, zlib.Z_RLE)
    return b"".join(
        (
            _ZLIB_HEADER,
            *_stored(shuffled[0]),
            *_stored(shuffled[1]),
            high.compress(shuffled[2:].data),
            high.flush(),
            zlib.adler32(shuffled.data).to_bytes(4, "big"),
        )
    )


def _stored(plane: NDArray[np.uint8]) -> tuple[bytes, memoryview]:
    """Return a deflate block that holds bytes as they are; a chunk's plane is below its limit."""
    return struct.pack("<BHH", 0, plane.size, plane.size ^ 0xFFFF), plane.data.cast("B")


def _has_long_runs(low: NDArray[np.uint8]) -> bool:
    equal = np.count_nonzero(low[:, :, 1:] == low[:, :, :-1])
    return bool(equal > _RUN_SHARE * low.size)


def _inflate(data: bytes, size_bytes: int) -> NDArray[np.uint8]:
    try:
        raw = zlib.decompress(data, bufsize=size_bytes)
    except zlib.error as error:
        raise ValueError(f"damaged chunk: {error}") from error
    if len(raw) != size_bytes:
        raise ValueError(f"damaged chunk: {len(raw)} bytes instead of {size_bytes}")
    return np.frombuffer(raw, np.uint8)
