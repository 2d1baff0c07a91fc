import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.errors import InputError
from vstc.formats.flow.middlebury import flo_size, known_flow, read_flo, write_flo

FLOWS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: arrays(np.float32, (*size, 2), elements=st.floats(-1e5, 1e5, width=32))
)


@given(flow=FLOWS)
def test_flo_comes_back_exactly(tmp_path_factory, flow):
    path = tmp_path_factory.getbasetemp() / "a.flo"
    write_flo(path, flow)
    np.testing.assert_array_equal(read_flo(path), flow)


def test_bytes_follow_the_published_format(tmp_path):
    flow = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    write_flo(tmp_path / "a.flo", flow)
    expected = b"PIEH" + struct.pack("<ii", 3, 2) + struct.pack("<12f", *range(12))
    assert (tmp_path / "a.flo").read_bytes() == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:8], "truncated"),
        (lambda data: data[:-1], "truncated"),
        (lambda data: data + b"x", "too long"),
        (lambda data: b"HEIP" + data[4:], "not a .flo"),
        (lambda data: data[:4] + struct.pack("<ii", -3, 2) + data[12:], "impossible size"),
        (lambda data: data[:4] + struct.pack("<ii", 3, 1 << 30) + data[12:], "impossible size"),
    ],
)
def test_damaged_files_are_input_errors(tmp_path, change, message):
    path = tmp_path / "a.flo"
    write_flo(path, np.zeros((2, 3, 2), np.float32))
    path.write_bytes(change(path.read_bytes()))
    for read in (read_flo, flo_size):
        with pytest.raises(InputError, match=message):
            read(path)


def test_missing_file_is_an_input_error(tmp_path):
    for read in (read_flo, flo_size):
        with pytest.raises(InputError, match="cannot read"):
            read(tmp_path / "none.flo")


def test_the_size_is_read_from_the_header(tmp_path):
    write_flo(tmp_path / "a.flo", np.zeros((2, 3, 2), np.float32))
    assert flo_size(tmp_path / "a.flo") == (2, 3)


def test_unknown_pixels_are_marked():
    flow = np.zeros((2, 2, 2), np.float32)
    flow[0, 1, 1] = 1.7e9
    assert known_flow(flow).tolist() == [[True, False], [True, True]]


def test_real_flow_is_read(real_data):
    flow = read_flo(real_data / "flow_gt" / "chairs_0000001" / "flow_gt.flo")
    assert flow.shape == (384, 512, 2)
    assert np.linalg.norm(flow, axis=2).mean() == pytest.approx(4.5, abs=0.05)
