import cv2
import numpy as np
import pytest

from vstc.errors import InputError
from vstc.flow.evaluate import endpoint_error, evaluate_provider, find_truths
from vstc.flow.providers import make_provider
from vstc.formats.flow.kitti import SparseFlow

# End-point error mean and median of OpenCV 5.0, recorded with the data.
RECORDED = {
    "chairs_0000001": {
        "dis-ultrafast": (2.27, 0.64),
        "dis-fast": (1.95, 0.47),
        "dis-medium": (1.59, 0.15),
    },
    "chairs_0000003": {
        "dis-ultrafast": (1.99, 0.36),
        "dis-fast": (1.72, 0.19),
        "dis-medium": (1.32, 0.08),
    },
    "sintel_alley_1_clean_0002": {
        "dis-ultrafast": (0.66, 0.26),
        "dis-fast": (0.53, 0.20),
        "dis-medium": (0.34, 0.08),
    },
}
KITTI = {"dis-ultrafast": (44.69, 9.66), "dis-fast": (42.87, 8.76), "dis-medium": (23.73, 4.73)}
METHODS = ["dis-ultrafast", "dis-fast", "dis-medium"]


def test_endpoint_error_by_hand():
    truth = np.zeros((2, 3, 2), np.float32)
    truth[0] = 100, 0
    known = np.array([[True, True, True], [True, False, True]])
    estimate = truth.copy()
    estimate[0, 0] += 3, 4  # error 5, and 5 % of 100: not above, so no outlier
    estimate[0, 1] += 6, 0  # error 6: outlier
    estimate[1, 0] += 0, 3  # error 3: not above 3 px
    estimate[1, 1] += 99, 0  # unknown
    estimate[1, 2] += 0, 3.5  # outlier
    found = endpoint_error("x", estimate, SparseFlow(truth, known))
    assert found.mean == pytest.approx((5 + 6 + 0 + 3 + 3.5) / 5)
    assert found.median == 3.5
    assert found.outlier_share == pytest.approx(2 / 5)
    assert found.known_share == pytest.approx(5 / 6)
    assert found.mean_magnitude == pytest.approx(60)


def test_truth_without_known_pixels_is_refused():
    flow = np.zeros((2, 2, 2), np.float32)
    with pytest.raises(InputError, match="no known pixel"):
        endpoint_error("x", flow, SparseFlow(flow, np.zeros((2, 2), bool)))


@pytest.mark.parametrize("method", METHODS)
def test_errors_on_real_pairs_are_the_recorded_ones(real_data, method):
    rows = evaluate_provider(find_truths(real_data / "flow_gt"), make_provider(method))
    found = {row.name: row for row in rows}
    assert len(found) == 4
    for name, recorded in RECORDED.items():
        mean, median = recorded[method]
        assert found[name].mean == pytest.approx(mean, abs=0.02)
        assert found[name].median == pytest.approx(median, abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_hard_pair_needs_the_very_same_grey_values(real_data, method):
    """On KITTI one grey level decides whether a patch finds its way: take OpenCV's own grey."""
    (truth,) = find_truths(real_data / "flow_gt" / "kitti2015_pair")
    first, second = (
        cv2.imread(str(truth.folder / name), cv2.IMREAD_GRAYSCALE)
        for name in ("img0.png", "img1.png")
    )
    flow = make_provider(method).make_worker().flow(first, second)
    found = endpoint_error(truth.name, flow, truth.flow_first_to_second)
    if cv2.__version__.startswith("5."):
        assert found.mean == pytest.approx(KITTI[method][0], abs=0.02)
        assert found.median == pytest.approx(KITTI[method][1], abs=0.02)
    assert found.mean < found.mean_magnitude


def test_order_of_frames_matters(real_data):
    (truth,) = find_truths(real_data / "flow_gt" / "chairs_0000001")
    first, second = truth.grays()
    worker = make_provider("dis-medium").make_worker()
    right = endpoint_error("x", worker.flow(first, second), truth.flow_first_to_second)
    wrong = endpoint_error("x", worker.flow(second, first), truth.flow_first_to_second)
    assert right.mean < 2 < 6 < wrong.mean
