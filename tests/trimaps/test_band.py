import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trimaps.pictures import disc, masks, opacities, slow_band, square
from vstc.trimaps.band import band_reach, band_trimap

radii = st.sampled_from([0, 0.5, 1, 1.5, 2, 2.3, 3, 5, 30])


@given(opacities(), radii)
def test_band_is_that_of_all_distances(opacity, radius):
    assert np.array_equal(band_trimap(opacity, radius=radius), slow_band(opacity, radius))


@given(masks(), radii)
def test_band_is_symmetric(mask, radius):
    """Foreground and background change places with the mask; the band stays where it is."""
    trimap, swapped = band_trimap(mask, radius=radius), band_trimap(255 - mask, radius=radius)
    assert np.array_equal(swapped == 128, trimap == 128)
    assert np.array_equal(swapped == 0, trimap == 255)


@given(opacities(), radii, radii)
def test_narrow_band_lies_in_the_wide_one(opacity, first, second):
    narrow, wide = sorted((first, second))
    inner = band_trimap(opacity, radius=narrow) == 128
    assert not np.any(inner & (band_trimap(opacity, radius=wide) != 128))


@given(masks(8), radii, st.integers(0, 4), st.integers(0, 4))
def test_shifted_mask_has_the_shifted_trimap(mask, radius, down, right):
    """Whole pixels; the mask keeps clear of the edges so that nothing is cut off."""
    pad = band_reach(radius) + 1
    still = band_trimap(np.pad(mask, pad + 4), radius=radius)
    moved = np.pad(mask, ((pad + 4 + down, pad + 4 - down), (pad + 4 + right, pad + 4 - right)))
    shifted = band_trimap(moved, radius=radius)
    assert np.array_equal(shifted, np.roll(still, (down, right), (0, 1)))


@given(opacities(), radii)
def test_mirrored_and_turned_mask_has_the_mirrored_and_turned_trimap(opacity, radius):
    trimap = band_trimap(opacity, radius=radius)
    assert np.array_equal(band_trimap(opacity[:, ::-1], radius=radius), trimap[:, ::-1])
    assert np.array_equal(band_trimap(opacity.T, radius=radius), trimap.T)


@given(opacities(), radii)
def test_what_is_not_sure_is_unknown(opacity, radius):
    trimap = band_trimap(opacity, radius=radius)
    assert set(np.unique(trimap)) <= {0, 128, 255}
    assert np.all(trimap[(opacity != 0) & (opacity != 255)] == 128)
    assert np.all(opacity[trimap == 255] == 255)
    assert np.all(opacity[trimap == 0] == 0)


@pytest.mark.parametrize("radius", [1, 4, 10, 20])
def test_band_is_as_wide_on_one_side_as_on_the_other(radius):
    """A box of even size, as many programs erode with, is not."""
    row = band_trimap(square((5, 100), 0, 50, 5, 50), radius=radius)[2]
    assert np.flatnonzero(row == 128).tolist() == list(range(50 - radius, 50 + radius))


@pytest.mark.parametrize("angle", [0, 17, 30, 45, 80])
def test_band_is_as_wide_in_all_directions(angle):
    """3 x 3 distance masks would be wrong by up to 4 percent, boxes by 41."""
    trimap = band_trimap(disc((201, 201), (100, 100), 60), radius=20)
    along = np.arange(100)
    y = np.rint(100 + along * np.sin(np.radians(angle))).astype(int)
    x = np.rint(100 + along * np.cos(np.radians(angle))).astype(int)
    ray = trimap[y, x]
    assert abs(np.count_nonzero(ray == 255) - 40.5) <= 1.5
    assert abs(np.count_nonzero(ray == 128) - 40) <= 2


def test_object_cut_by_the_frame_stays_foreground_at_its_edge():
    trimap = band_trimap(square((60, 40), 20, 0, 40, 40), radius=5)
    assert np.all(trimap[26:] == 255)
    assert np.all(trimap[:14] == 0)


@pytest.mark.parametrize("value", [0, 255])
def test_mask_without_an_edge_has_no_unknown(value):
    full = np.full((20, 30), value, np.uint8)
    assert np.all(band_trimap(full, radius=5) == value)
