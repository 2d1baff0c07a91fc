import cv2
import pytest

from vstc.errors import ConfigError
from vstc.flow.providers import CATALOG, make_provider, one_opencv_thread


def test_unknown_method_names_the_known_ones():
    with pytest.raises(ConfigError, match="unknown flow method: dis-fats") as caught:
        make_provider("dis-fats")
    assert caught.value.hint.startswith("choose one of: dis-fast")
    assert all(name in caught.value.hint for name in CATALOG)


def test_unknown_parameter_names_the_known_ones():
    with pytest.raises(ConfigError, match="finest_scal") as caught:
        make_provider("dis-fast", {"finest_scal": 1})
    assert "finest_scale" in caught.value.hint


@pytest.mark.parametrize(
    "params", [{"finest_scale": -1}, {"patch_stride": 9}, {"iterations": "many"}]
)
def test_values_out_of_range_are_refused(params):
    with pytest.raises(ConfigError):
        make_provider("dis-ultrafast", params)


def test_params_are_complete_and_plain():
    provider = make_provider("dis-medium", {"finest_scale": 0})
    assert provider.params["finest_scale"] == 0
    assert provider.params["patch_stride"] == 3
    assert provider.params["iterations"] == 25
    assert make_provider("dis-medium", dict(provider.params)).params == provider.params


def test_ultrafast_is_the_setting_of_evs():
    params = make_provider("dis-ultrafast").params
    assert (params["finest_scale"], params["patch_size"], params["iterations"]) == (2, 8, 12)
    assert params["refinement_iterations"] == 0


def test_opencv_threads_are_restored_by_the_last_pool():
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with one_opencv_thread():
            with one_opencv_thread():
                assert cv2.getNumThreads() == 1
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
