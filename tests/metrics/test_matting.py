from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.metrics.matting import (
    absolute_differences,
    connectivity_error,
    gradient_error,
    mean_squared_difference,
    temporal_difference,
)

LEVELS = st.integers(0, 255).map(lambda value: value / 255)
MATTES = arrays(np.float64, (6, 7), elements=LEVELS)
COARSE = arrays(np.float64, (6, 7), elements=st.sampled_from([0, 0.1, 0.25, 0.5, 0.6, 0.8, 1.0]))
REGIONS = arrays(np.bool_, (6, 7))
SUMS = (absolute_differences, gradient_error, connectivity_error)


@given(predicted=MATTES, true=MATTES, region=REGIONS)
@settings(max_examples=40, deadline=None)
def test_sad_and_mse_equal_loops_over_pixels(predicted, true, region):
    places = np.argwhere(region)
    differences = [predicted[y, x] - true[y, x] for y, x in places]
    assert absolute_differences(predicted, true, region) == pytest.approx(
        sum(abs(value) for value in differences)
    )
    mse = mean_squared_difference(predicted, true, region)
    if differences:
        assert mse == pytest.approx(sum(v * v for v in differences) / len(differences))
    else:
        assert mse is None


@given(matte=MATTES, region=REGIONS)
@settings(max_examples=20, deadline=None)
def test_a_matte_has_no_error_against_itself(matte, region):
    assert [error(matte, matte, region) for error in SUMS] == [0, 0, 0]
    still = {"predicted_prev": matte, "predicted_next": matte}
    assert temporal_difference(**still, true_prev=matte, true_next=matte) == 0


@given(first=MATTES, second=MATTES, region=REGIONS)
@settings(max_examples=30, deadline=None)
def test_errors_are_symmetric_and_add_up_over_regions(first, second, region):
    for error in SUMS:
        assert error(first, second) == pytest.approx(error(second, first))
        parts = error(first, second, region) + error(first, second, ~region)
        assert parts == pytest.approx(error(first, second))


# --- gradient error


def slow_gradient_length(matte, sigma=1.4):
    """Convolve with an explicit two-dimensional kernel, pixel by pixel."""
    half = 4
    places = range(-half, half + 1)
    gauss = [math.exp(-(p**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi)) for p in places]
    slope = [-p / sigma**2 * g for p, g in zip(places, gauss, strict=True)]
    kernel = np.array([[g * s for s in slope] for g in gauss])
    kernel /= math.sqrt((kernel**2).sum())
    padded = np.pad(matte, half, mode="edge")
    length = np.zeros(matte.shape)
    for y, x in np.ndindex(*matte.shape):
        window = padded[y : y + 2 * half + 1, x : x + 2 * half + 1]
        along_x, along_y = (window * kernel).sum(), (window * kernel.T).sum()
        length[y, x] = math.hypot(along_x, along_y)
    return length


@given(predicted=MATTES, true=MATTES, region=REGIONS)
@settings(max_examples=20, deadline=None)
def test_gradient_error_equals_a_convolution_pixel_by_pixel(predicted, true, region):
    slow = (slow_gradient_length(predicted) - slow_gradient_length(true)) ** 2
    assert gradient_error(predicted, true, region) == pytest.approx(slow[region].sum(), abs=1e-12)


def test_gradient_error_of_ramps_is_that_of_their_slopes():
    """Away from the border a ramp of slope a has length a * c, c the kernel's first moment."""
    x = np.arange(40, dtype=np.float64)
    steep, gentle = np.tile(0.02 * x, (30, 1)), np.tile(0.005 * x, (30, 1))
    places = np.arange(-4, 5)
    gauss = np.exp(-(places**2) / (2 * 1.4**2))
    slope = places * gauss
    moment = gauss.sum() * (slope * places).sum() / np.sqrt(np.outer(gauss**2, slope**2).sum())
    inner = np.zeros(steep.shape, np.bool_)
    inner[:, 4:-4] = True
    expected = inner.sum() * (0.015 * moment) ** 2
    assert gradient_error(steep, gentle, inner) == pytest.approx(expected)


def test_gradient_error_does_not_see_a_constant_offset():
    matte = np.random.default_rng(0).random((20, 20)) / 2
    assert gradient_error(matte, matte + 0.25) == pytest.approx(0, abs=1e-20)
    assert absolute_differences(matte, matte + 0.25) == pytest.approx(100)


# --- connectivity error


def slow_largest_part(mask):
    """Flood from every pixel."""
    best: set[tuple[int, int]] = set()
    seen: set[tuple[int, int]] = set()
    for start in map(tuple, np.argwhere(mask)):
        if start in seen:
            continue
        part, front = {start}, [start]
        while front:
            y, x = front.pop()
            for step in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                inside = 0 <= step[0] < mask.shape[0] and 0 <= step[1] < mask.shape[1]
                if inside and mask[step] and step not in part:
                    part.add(step)
                    front.append(step)
        seen |= part
        best = part if len(part) > len(best) else best
    return best


def slow_connectivity(predicted, true):
    """Follow the definition for one pixel after the other."""
    parts = [slow_largest_part((predicted >= k / 10) & (true >= k / 10)) for k in range(1, 11)]
    errors = np.zeros(predicted.shape)
    for place in np.ndindex(*predicted.shape):
        level = 0.0
        for k, part in enumerate(parts, start=1):
            if place not in part:
                break
            level = k / 10
        over = [matte[place] - level for matte in (predicted, true)]
        degrees = [1 - value * (value >= 0.15) for value in over]
        errors[place] = abs(degrees[0] - degrees[1])
    return errors


@given(predicted=st.one_of(MATTES, COARSE), true=st.one_of(MATTES, COARSE), region=REGIONS)
@settings(max_examples=60, deadline=None)
def test_connectivity_error_equals_the_definition_pixel_by_pixel(predicted, true, region):
    slow = slow_connectivity(predicted, true)
    assert connectivity_error(predicted, true, region) == pytest.approx(slow[region].sum())


def test_a_loose_speck_costs_its_whole_alpha():
    true = np.zeros((9, 9))
    true[1:4, 1:4] = 1
    speck = true.copy()
    speck[7, 7] = 0.8
    assert connectivity_error(speck, true) == pytest.approx(0.8)
    faint = true.copy()
    faint[7, 7] = 0.14
    assert connectivity_error(faint, true) == 0


def test_a_speck_that_touches_by_a_corner_is_loose():
    true = np.zeros((6, 6))
    true[0:2, 0:2] = 1
    by_corner, by_side = true.copy(), true.copy()
    by_corner[2, 2] = by_side[2, 1] = 1
    joined = true.copy()
    joined[2, 1] = 1
    assert connectivity_error(by_corner, true) == pytest.approx(1)
    assert connectivity_error(by_side, joined) == 0


# --- dtSSD


@given(mattes=arrays(np.float64, (4, 6, 7), elements=LEVELS), region=REGIONS)
@settings(max_examples=30, deadline=None)
def test_dtssd_is_the_root_mean_square_of_the_wrong_change(mattes, region):
    names = ("predicted_prev", "predicted_next", "true_prev", "true_next")
    given_mattes = dict(zip(names, mattes, strict=True))
    found = temporal_difference(**given_mattes, region=region)
    squares = [
        ((mattes[1, y, x] - mattes[0, y, x]) - (mattes[3, y, x] - mattes[2, y, x])) ** 2
        for y, x in np.argwhere(region)
    ]
    expected = math.sqrt(sum(squares) / len(squares)) if squares else None
    assert found == (None if expected is None else pytest.approx(expected))


def test_dtssd_forgives_an_error_that_stays():
    rng = np.random.default_rng(1)
    before, after = rng.random((5, 5)) / 2, rng.random((5, 5)) / 2
    steady = temporal_difference(
        predicted_prev=before + 0.3, predicted_next=after + 0.3, true_prev=before, true_next=after
    )
    flicker = temporal_difference(
        predicted_prev=before + 0.3, predicted_next=after, true_prev=before, true_next=after
    )
    assert steady == pytest.approx(0, abs=1e-12)
    assert flicker == pytest.approx(0.3)


@pytest.mark.parametrize("error", [*SUMS, mean_squared_difference])
def test_mattes_of_two_sizes_are_refused(error):
    with pytest.raises(ValueError, match="of one size"):
        error(np.zeros((4, 5)), np.zeros((4, 6)))
    with pytest.raises(ValueError, match="of one size"):
        error(np.zeros((4, 5)), np.zeros((4, 5)), np.zeros((5, 4), np.bool_))
