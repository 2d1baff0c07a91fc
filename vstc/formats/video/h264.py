"""What the header of an H.264 stream says about the frames that others refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from vstc.errors import InputError

_START_CODE = re.compile(rb"\x00\x00\x01")
_SLICE_TYPES = {1, 2, 5}
_PARAMETERS_TYPE = 7
_PROFILES_WITH_CHROMA = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244}


@dataclass(frozen=True)
class H264Header:
    """A stream's first sequence parameter set, as far as it is about references.

    Attributes:
        num_references: Frames that the decoder keeps for others to refer to.
        is_progressive: There are whole frames only, no fields.
        length_bytes: Bytes that hold the length of each unit of a packet; None where start codes
            part them (Annex B).
    """

    num_references: int
    is_progressive: bool
    length_bytes: int | None


def read_header(extradata: bytes) -> H264Header:
    """Read the header that a container, or the start of a stream, holds.

    Args:
        extradata: An ``avcC`` record (ISO/IEC 14496-15), or units with start codes.

    Raises:
        InputError: There is no sequence parameter set, or it is cut off.
    """
    is_record = extradata[:1] == b"\x01"
    length_bytes = (extradata[4] & 3) + 1 if is_record and len(extradata) > 4 else None
    if is_record:
        size = int.from_bytes(extradata[6:8], "big")
        units = [extradata[8 : 8 + size]]
    else:
        units = list(split_units(extradata, None))
    for unit in units:
        if unit and unit[0] & 31 == _PARAMETERS_TYPE:
            num_references, is_progressive = _read_parameters(unit[1:])
            return H264Header(num_references, is_progressive, length_bytes)
    raise InputError("its H.264 header does not say how many frames others refer to")


def split_units(data: bytes, length_bytes: int | None) -> Iterator[bytes]:
    """Split a packet into its units (NAL units), without what parts them.

    Args:
        data: The packet.
        length_bytes: As in ``H264Header``.
    """
    if length_bytes is None:
        starts = [match.end() for match in _START_CODE.finditer(data)]
        for start, end in pairwise([*starts, len(data) + 3]):
            yield data[start : end - 3]
        return
    place = 0
    while place + length_bytes < len(data):
        size = int.from_bytes(data[place : place + length_bytes], "big")
        place += length_bytes
        yield data[place : place + size]
        place += size


def is_referred_to(packet: bytes, length_bytes: int | None) -> bool:
    """Tell whether later frames may refer to the frame of a packet (``nal_ref_idc``).

    Args:
        packet: The coded frame.
        length_bytes: As in ``H264Header``.
    """
    first_bytes = [unit[0] for unit in split_units(packet, length_bytes) if unit]
    slices = [first for first in first_bytes if first & 31 in _SLICE_TYPES]
    return all(first >> 5 & 3 for first in slices)


def _read_parameters(payload: bytes) -> tuple[int, bool]:
    """Return num_ref_frames and frame_mbs_only_flag (ITU-T H.264, 7.3.2.1.1)."""
    bits = _Bits(payload)
    profile = bits.number(8)
    bits.number(16)
    bits.unsigned()
    if profile in _PROFILES_WITH_CHROMA:
        _skip_chroma(bits)
    bits.unsigned()
    order_type = bits.unsigned()
    if order_type == 0:
        bits.unsigned()
    elif order_type == 1:
        bits.number(1)
        bits.unsigned()
        bits.unsigned()
        for _ in range(bits.unsigned()):
            bits.unsigned()
    num_references = bits.unsigned()
    bits.number(1)
    bits.unsigned()
    bits.unsigned()
    return num_references, bits.number(1) == 1


def _skip_chroma(bits: _Bits) -> None:
    chroma = bits.unsigned()
    if chroma == 3:
        bits.number(1)
    bits.unsigned()
    bits.unsigned()
    bits.number(1)
    if bits.number(1) == 0:
        return
    for index in range(12 if chroma == 3 else 8):
        if bits.number(1):
            _skip_scaling_list(bits, 16 if index < 6 else 64)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


class _Bits:
    """Numbers out of a bit stream whose bytes 0 0 3 stand for 0 0 (emulation prevention)."""

    def __init__(self, payload: bytes) -> None:
        plain = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._bits = "".join(f"{byte:08b}" for byte in plain)
        self._place = 0

    def number(self, count: int) -> int:
        """Read so many bits."""
        end = self._place + count
        if end > len(self._bits):
            raise InputError("its H.264 header is cut off")
        value = int(self._bits[self._place : end] or "0", 2)
        self._place = end
        return value

    def unsigned(self) -> int:
        """Read an Exp-Golomb code."""
        zeros = 0
        while self.number(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)

    def signed(self) -> int:
        """Read a signed Exp-Golomb code."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
