import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trimaps.pictures import masks, opacities, square
from vstc.formats.objects.rle import encode_mask
from vstc.trimaps.kept_core import keep_core
from vstc.trimaps.object_trimap import object_trimap
from vstc.trimaps.patch import Window, patch_of_image, patch_of_mask
from vstc.trimaps.rules import RuleName, band_rule, draw_rule
from vstc.trimaps.values import ALPHA, PROBABILITIES

SIZE = (40, 50)
names = st.sampled_from(list(RuleName))


def placed(image, top, left):
    frame = np.zeros(SIZE, np.uint8)
    frame[top : top + image.shape[0], left : left + image.shape[1]] = image
    return frame


def some_rule(name, seed):
    generator = np.random.default_rng(seed)
    return band_rule(seed % 11) if name is RuleName.BAND else draw_rule(name, generator)


@given(opacities(), st.integers(0, 26), st.integers(0, 36), names, st.integers(0, 99))
def test_work_in_the_bounding_box_gives_what_the_whole_frame_gives(image, top, left, name, seed):
    frame, rule = placed(image, top, left), some_rule(name, seed)
    patch = patch_of_image(frame)
    if patch is None:
        assert not frame.any()
        return
    one = object_trimap(patch, rule, track=1, size=SIZE)
    whole, report = keep_core(rule.apply(frame), frame, is_whole_frame=True)
    assert np.array_equal(one.trimap.image(SIZE), whole)
    assert one.kept == report


@given(masks())
def test_patch_of_an_rle_is_the_patch_of_its_mask(mask):
    from_rle, from_image = patch_of_mask(encode_mask(mask == 255)), patch_of_image(mask)
    assert (from_rle is None) == (from_image is None)
    if from_rle is not None and from_image is not None:
        assert from_rle.window == from_image.window
        assert np.array_equal(from_rle.image(mask.shape), mask)


@pytest.mark.parametrize("by", [0, 1, 7, 100])
def test_grown_patch_is_the_same_image(by):
    frame = placed(square((10, 10), 0, 0, 10, 10), 28, 3)
    patch = patch_of_image(frame)
    assert patch is not None
    assert np.array_equal(patch.grown(by, size=SIZE).image(SIZE), frame)
    assert patch.grown(100, size=SIZE).window.covers(SIZE)


def test_window_stays_inside_the_frame():
    assert Window(2, 40, 5, 10).grown(4, size=SIZE) == Window(0, 36, 11, 14)


def test_alpha_is_sure_at_its_ends_and_a_probability_near_them():
    values = np.array([[0, 1, 25, 26, 229, 230, 254, 255]], np.uint8)
    assert ALPHA.snap(values).tolist() == values.tolist()
    assert PROBABILITIES.snap(values).tolist() == [[0, 0, 0, 26, 229, 255, 255, 255]]
