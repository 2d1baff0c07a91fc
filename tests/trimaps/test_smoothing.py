import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trimaps.pictures import disc, square
from vstc.trimaps.object_trimap import object_trimap
from vstc.trimaps.patch import patch_of_image
from vstc.trimaps.rules import band_rule
from vstc.trimaps.smoothing import smooth_along_flow

SIZE = (50, 70)
STILL = np.zeros((*SIZE, 2), np.float32)


def alone(image):
    patch = patch_of_image(image)
    assert patch is not None
    return object_trimap(patch, band_rule(4), track=1, size=SIZE)


def smoothed(before, now, after, *, back=STILL, forth=STILL):
    one = smooth_along_flow(
        alone(now),
        earlier=None if before is None else alone(before),
        later=None if after is None else alone(after),
        flow_current_to_earlier=back,
        flow_current_to_later=forth,
    )
    return one.trimap.image(SIZE)


def constant_flow(x, y):
    return np.broadcast_to(np.array([x, y], np.float32), (*SIZE, 2))


def test_still_object_keeps_its_trimap():
    image = disc(SIZE, (25, 30), 14)
    assert np.array_equal(smoothed(image, image, image), alone(image).trimap.image(SIZE))


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_moving_object_keeps_its_trimap_along_the_flow(x, y):
    """The object moves by (x, y): backwards it is found at minus, forwards at plus that."""
    before, now = disc(SIZE, (25 - y, 30 - x), 11), disc(SIZE, (25, 30), 11)
    after = disc(SIZE, (25 + y, 30 + x), 11)
    trimap = smoothed(before, now, after, back=constant_flow(-x, -y), forth=constant_flow(x, y))
    assert np.array_equal(trimap, alone(now).trimap.image(SIZE))


def test_dent_of_one_frame_is_calmed():
    whole = square(SIZE, 10, 10, 30, 40)
    dented = whole.copy()
    dented[20:22, 10:30] = 0
    raw = alone(dented).trimap.image(SIZE)
    calm = smoothed(whole, dented, whole)
    steady = alone(whole).trimap.image(SIZE)
    assert np.count_nonzero(calm != steady) < 0.2 * np.count_nonzero(raw != steady)
    assert np.all(calm[dented == 0] != 255)


def test_foreground_stays_inside_the_mask_and_background_outside():
    now = square(SIZE, 10, 10, 20, 20)
    other = square(SIZE, 10, 16, 20, 20)
    trimap = smoothed(other, now, other)
    assert np.all(now[trimap == 255] == 255)
    assert np.all(now[trimap == 0] == 0)


@pytest.mark.parametrize("missing", ["before", "after", "both"])
def test_frame_without_the_object_changes_nothing(missing):
    now, other = square(SIZE, 10, 10, 20, 20), square(SIZE, 10, 16, 20, 20)
    before = other if missing == "after" else None
    after = other if missing == "before" else None
    assert np.array_equal(smoothed(before, now, after), alone(now).trimap.image(SIZE))


def test_place_that_comes_from_outside_of_the_frame_keeps_its_value():
    now = square(SIZE, 10, 0, 20, 20)
    outside = constant_flow(-500, 0)
    elsewhere = square(SIZE, 30, 50, 10, 10)
    trimap = smoothed(elsewhere, now, elsewhere, back=outside, forth=outside)
    assert np.array_equal(trimap, alone(now).trimap.image(SIZE))
