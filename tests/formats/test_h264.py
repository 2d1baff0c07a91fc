"""Headers of H.264 streams: those that x264 wrote, and ones written here bit by bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.errors import InputError
from vstc.formats.video.h264 import is_referred_to, read_header, split_units

# What libx264 wrote into .mp4 for refs=1 bf=0, refs=3 bf=0 and by default, and into .ts for refs=1.
ONE = "0164001effe100186764001eacb406c1ef37080000030008000003018078b1750100" + "0568ef0f2c8b"
THREE = "0164001effe100196764001eacb201b07bcdc2000003000200000300601e2c5c90010006" + "68ebc3cb22c0"
FOUR = "0164001effe100196764001eacd940d83de6e1000003000100000300300f162d96010006" + "68ebe3cb22c0"
START_CODES = "0000016764001eacb406c1ef37080000030008000003018078b1750000000168ef0f2c8b"


@pytest.mark.parametrize(
    ("header", "references", "length_bytes"),
    [(ONE, 1, 4), (THREE, 3, 4), (FOUR, 4, 4), (START_CODES, 1, None)],
)
def test_the_number_of_references_is_what_x264_was_told(header, references, length_bytes):
    found = read_header(bytes.fromhex(header))
    assert (found.num_references, found.length_bytes) == (references, length_bytes)
    assert found.is_progressive


def number(value, count):
    return f"{value:0{count}b}"


def unsigned(value):
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def signed(value):
    return unsigned(2 * value - 1 if value > 0 else -2 * value)


def parameters(*, profile, references, progressive, lists, order_type):
    """Write a sequence parameter set after ITU-T H.264, 7.3.2.1.1."""
    bits = number(profile, 8) + number(0, 8) + number(30, 8) + unsigned(0)
    if profile == 100:
        bits += unsigned(1) + unsigned(0) + unsigned(0) + "0"
        bits += "1" + "".join("0" if deltas is None else "1" + deltas for deltas in lists)
    bits += unsigned(4) + unsigned(order_type)
    if order_type == 0:
        bits += unsigned(2)
    elif order_type == 1:
        bits += "1" + signed(-3) + signed(1) + unsigned(2) + signed(5) + signed(-70)
    bits += unsigned(references) + "0" + unsigned(19) + unsigned(14) + number(progressive, 1) + "1"
    bits += "0" * (-len(bits) % 8)
    plain = int(bits, 2).to_bytes(len(bits) // 8, "big")
    guarded, zeros = bytearray(), 0
    for byte in plain:
        if zeros == 2 and byte <= 3:
            guarded.append(3)
            zeros = 0
        guarded.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return b"\x67" + bytes(guarded)


def scaling_lists(*, are_flat):
    def deltas(size):
        if are_flat:
            return signed(-8)  # the next would be 0: the rest repeats the last
        return "".join(signed(delta) for delta in [8, -3, 120, *[0] * (size - 3)])

    return [None if index % 3 == 1 else deltas(16 if index < 6 else 64) for index in range(8)]


@given(
    profile=st.sampled_from([66, 77, 100]),
    references=st.integers(0, 16),
    progressive=st.booleans(),
    order_type=st.sampled_from([0, 1, 2]),
    are_flat=st.booleans(),
    is_record=st.booleans(),
)
def test_a_header_that_was_written_is_read_back(
    profile, references, progressive, order_type, are_flat, is_record
):
    unit = parameters(
        profile=profile,
        references=references,
        progressive=progressive,
        lists=scaling_lists(are_flat=are_flat),
        order_type=order_type,
    )
    if is_record:
        data = bytes([1, profile, 0, 30, 0xFD, 0xE1]) + len(unit).to_bytes(2, "big") + unit
    else:
        data = b"\0\0\0\1" + unit + b"\0\0\1\x68\xee"
    found = read_header(data)
    assert (found.num_references, found.is_progressive) == (references, progressive)
    assert found.length_bytes == (2 if is_record else None)


@pytest.mark.parametrize("header", ["", "01640", START_CODES[:20], ONE[:30], "00000168ef0f2c8b"])
def test_a_header_without_parameters_is_an_error(header):
    with pytest.raises(InputError, match="header"):
        read_header(bytes.fromhex(header[: len(header) // 2 * 2]))


@pytest.mark.parametrize("length_bytes", [None, 1, 4])
def test_a_packet_is_split_and_tells_whether_it_is_referred_to(length_bytes):
    def packet(*units):
        heads = [len(u).to_bytes(length_bytes, "big") if length_bytes else b"\0\0\1" for u in units]
        return b"".join(head + unit for head, unit in zip(heads, units, strict=True))

    extra, kept, passing = b"\x06\x05\x80", b"\x41\x9a\x24", b"\x01\x9e\x44"
    assert list(split_units(packet(extra, kept), length_bytes)) == [extra, kept]
    assert is_referred_to(packet(extra, kept), length_bytes)
    assert not is_referred_to(packet(extra, passing), length_bytes)
