import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.errors import InputError
from vstc.formats.flow.kitti import read_kitti_flow, write_kitti_flow


@given(seed=st.integers(0, 10_000))
def test_kitti_flow_comes_back_to_a_64th(tmp_path_factory, seed):
    path = tmp_path_factory.getbasetemp() / "a.png"
    rng = np.random.default_rng(seed)
    flow = rng.uniform(-500, 500, (7, 9, 2)).astype(np.float32)
    known = rng.random((7, 9)) < 0.5
    write_kitti_flow(path, flow, known=known)
    found = read_kitti_flow(path)
    np.testing.assert_array_equal(found.known, known)
    assert np.abs(found.flow - flow)[known].max(initial=0) <= 0.5 / 64
    assert not found.flow[~known].any()


def test_channels_are_those_of_kitti(tmp_path):
    flow = np.zeros((2, 3, 2), np.float32)
    flow[1, 2] = 1.5, -2.0
    write_kitti_flow(tmp_path / "a.png", flow)
    bgr = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert bgr.dtype == np.uint16
    assert bgr[1, 2].tolist() == [1, 32768 - 128, 32768 + 96]


def test_values_that_do_not_fit_become_unknown(tmp_path):
    flow = np.zeros((2, 2, 2), np.float32)
    flow[0, 0, 0], flow[0, 1, 1] = 512, -512.1
    flow[1, 0] = 511.98, -512
    write_kitti_flow(tmp_path / "a.png", flow)
    assert read_kitti_flow(tmp_path / "a.png").known.tolist() == [[False, False], [True, True]]


def test_damaged_and_foreign_files_are_input_errors(tmp_path):
    path = tmp_path / "a.png"
    write_kitti_flow(path, np.zeros((20, 20, 2), np.float32))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="truncated"):
        read_kitti_flow(path)
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="not a KITTI"):
        read_kitti_flow(path)
    with pytest.raises(InputError, match="cannot read"):
        read_kitti_flow(tmp_path / "none.png")


def test_real_flow_is_read(real_data):
    found = read_kitti_flow(real_data / "flow_gt" / "kitti2015_pair" / "flow_gt.png")
    assert found.known.shape == (375, 1242)
    assert found.known.mean() == pytest.approx(0.162, abs=0.001)
    assert np.linalg.norm(found.flow, axis=2)[found.known].mean() == pytest.approx(51, abs=0.5)
