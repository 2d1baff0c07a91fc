import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trimaps.pictures import disc, masks, opacities, square
from vstc.trimaps.band import band_trimap
from vstc.trimaps.kept_core import NOTHING_KEPT, keep_core


def kept(opacity, radius, **options):
    return keep_core(band_trimap(opacity, radius=radius), opacity, **options)


def test_object_with_a_core_is_left_alone():
    mask = disc((100, 100), (50, 50), 30)
    trimap = band_trimap(mask, radius=10)
    same, report = keep_core(trimap, mask)
    assert same is trimap
    assert report is NOTHING_KEPT
    assert not report.is_anything_kept


def test_thin_part_keeps_its_deepest_pixels_and_says_so():
    mask = np.maximum(square((100, 100), 10, 10, 60, 60), square((100, 100), 90, 10, 5, 60))
    trimap, report = kept(mask, 10)
    assert (report.parts, report.radius) == (1, 3.0)
    assert np.flatnonzero((trimap == 255).any(axis=1))[-1] == 92  # the middle of the bar
    assert np.all(trimap[20:60, 20:60] == band_trimap(mask, radius=10)[20:60, 20:60])


def test_band_outside_of_a_thin_part_stays_as_wide():
    mask = square((60, 60), 30, 10, 3, 40)
    trimap, report = kept(mask, 8)
    column = trimap[:, 30]
    assert np.flatnonzero(column == 128).tolist() == [*range(22, 31), *range(32, 41)]
    assert report.radius == 2.0


def test_single_pixel_is_its_own_core():
    trimap, report = kept(square((30, 30), 15, 15, 1, 1), 5)
    assert np.argwhere(trimap == 255).tolist() == [[15, 15]]
    assert report.radius == 1.0


@given(masks(), st.sampled_from([1, 2, 3.5, 6]))
def test_every_part_keeps_its_share(mask, radius):
    import cv2

    trimap, _ = kept(mask, radius, share=0.2)
    num_parts, labels = cv2.connectedComponents((mask == 255).view(np.uint8), connectivity=8)
    for part in range(1, num_parts):
        values = trimap[labels == part]
        assert np.count_nonzero(values == 255) >= 0.2 * values.size
    assert np.all(mask[trimap == 255] == 255)


@given(masks(), st.sampled_from([1, 2, 3]), st.sampled_from([0, 1, 4]))
def test_narrow_band_lies_in_the_wide_one_with_kept_cores_too(mask, radius, more):
    narrow, wide = kept(mask, radius)[0], kept(mask, radius + more)[0]
    assert not np.any((narrow == 128) & (wide == 255))


@given(masks(), st.sampled_from([2, 5]))
def test_background_is_kept_when_the_frame_has_any(mask, radius):
    trimap, report = kept(mask, radius, is_whole_frame=True)
    assert np.any(trimap == 0) == np.any(mask == 0)
    if report.is_background_kept:
        assert not np.any(band_trimap(mask, radius=radius) == 0)
    assert np.all(mask[trimap == 0] == 0)


def test_background_is_not_looked_for_in_a_part_of_the_frame():
    trimap, report = kept(square((10, 10), 2, 2, 6, 6), 5)
    assert not report.is_background_kept
    assert not np.any(trimap == 0)


def test_object_that_is_nowhere_sure_counts_where_it_is_highest():
    haze = np.zeros((20, 20), np.uint8)
    haze[5:15, 5:15] = 150
    haze[9, 9] = 200
    trimap, report = kept(haze, 2)
    assert np.argwhere(trimap == 255).tolist() == [[9, 9]]
    assert report.parts == 1


def test_haze_below_one_half_is_no_object():
    trimap, report = kept(np.full((20, 20), 100, np.uint8), 2)
    assert np.all(trimap == 128)
    assert report is NOTHING_KEPT


def test_share_of_zero_keeps_nothing():
    trimap, report = kept(square((30, 30), 15, 15, 2, 2), 5, share=0)
    assert not np.any(trimap == 255)
    assert report is NOTHING_KEPT


@pytest.mark.parametrize(("smallest", "cores"), [(1, 3), (5, 2), (50, 1), (10**6, 1)])
def test_specks_may_vanish_but_not_the_largest_part(smallest, cores):
    mask = np.maximum(square((60, 60), 40, 40, 1, 1), square((60, 60), 40, 10, 3, 4))
    mask = np.maximum(mask, square((60, 60), 5, 5, 7, 7))
    trimap, report = kept(mask, 6, smallest_part=smallest)
    assert report.parts == cores
    assert trimap[8, 8] == 255
    assert (trimap[40, 40] == 255) == (cores == 3)


@given(opacities())
def test_core_does_not_depend_on_how_the_picture_lies(opacity):
    trimap, report = kept(opacity, 3)
    mirrored, same = kept(np.ascontiguousarray(opacity[::-1]), 3)
    assert np.array_equal(mirrored[::-1], trimap)
    assert same == report
