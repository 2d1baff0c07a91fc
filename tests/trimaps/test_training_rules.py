import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trimaps.pictures import disc, opacities, slow_distance, square
from vstc.trimaps.rules import RuleName, band_rule, draw_rule
from vstc.trimaps.training_rules import dim_trimap, gca_trimap, indexnet_trimap

DRAWN = [RuleName.INDEXNET, RuleName.DIM, RuleName.GCA]


@given(opacities(), st.integers(1, 19))
def test_indexnet_is_its_published_rule_on_alpha(alpha, radius):
    foreground = alpha == 255
    unsure = (alpha != 0) & ~foreground
    wanted = np.where(foreground, 255, 0)
    if not unsure.any():
        return
    wanted[slow_distance(unsure) <= radius] = 128
    assert np.array_equal(indexnet_trimap(alpha, radius=radius), wanted)


@pytest.mark.parametrize("radius", [1, 5, 19])
def test_indexnet_takes_the_edge_of_a_hard_mask(radius):
    """The distance to nothing would make the top left corner unknown, or nothing at all."""
    mask = disc((90, 90), (50, 50), 30)
    trimap = indexnet_trimap(mask, radius=radius)
    assert trimap[0, 0] == 0
    assert np.any(trimap == 128)
    touching = cv2.dilate(mask, np.ones((3, 3), np.uint8)) != cv2.erode(
        mask, np.ones((3, 3), np.uint8)
    )
    assert np.all(slow_distance(touching)[trimap == 128] <= radius)
    assert trimap[50, 50] == 255


@pytest.mark.parametrize("value", [0, 255])
def test_indexnet_of_a_mask_without_an_edge_has_no_unknown(value):
    full = np.full((20, 30), value, np.uint8)
    assert np.all(indexnet_trimap(full, radius=19) == value)


@given(opacities(), st.integers(1, 19))
def test_dim_dilates_so_many_steps_and_keeps_the_foreground(alpha, iterations):
    trimap = dim_trimap(alpha, iterations=iterations)
    places = np.argwhere(alpha > 0)
    grid = np.argwhere(np.ones_like(alpha)).reshape(*alpha.shape, 2)
    steps = np.full(alpha.shape, 10**6)
    if len(places):
        steps = np.abs(grid[:, :, None] - places).sum(axis=3).min(axis=2)
    wanted = np.where(alpha == 255, 255, np.where(steps <= iterations, 128, 0))
    assert np.array_equal(trimap, wanted)


def test_gca_erodes_each_side_by_its_own_disc():
    row = gca_trimap(square((5, 100), 0, 50, 5, 50), foreground_size=9, background_size=21)[2]
    assert np.flatnonzero(row == 128).tolist() == list(range(50 - 10, 50 + 4))


@pytest.mark.parametrize("size", [1, 5, 13, 29])
def test_gca_erodes_about_as_opencv_does_with_its_ellipse(size):
    mask = disc((150, 150), (75, 75), 50)
    ours = gca_trimap(mask, foreground_size=size, background_size=1) == 255
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    theirs = cv2.erode(mask, kernel) == 255
    assert np.count_nonzero(ours != theirs) <= 0.03 * np.count_nonzero(theirs)


def test_gca_keeps_the_foreground_at_the_edge_of_the_frame():
    trimap = gca_trimap(square((60, 40), 20, 0, 40, 40), foreground_size=9, background_size=9)
    assert np.all(trimap[25:] == 255)


@pytest.mark.parametrize("name", DRAWN)
def test_draws_follow_the_generator_alone(name):
    first = [dict(draw_rule(name, np.random.default_rng(seed)).widths) for seed in range(20)]
    again = [dict(draw_rule(name, np.random.default_rng(seed)).widths) for seed in range(20)]
    assert first == again
    assert len({str(widths) for widths in first}) > 6


@pytest.mark.parametrize(("name", "widest"), [*zip(DRAWN, (19, 19, 29), strict=True)])
def test_draws_are_those_of_the_authors(name, widest):
    generator = np.random.default_rng(0)
    drawn = [w for _ in range(600) for w in draw_rule(name, generator).widths.values()]
    assert set(drawn) == set(range(1, widest + 1))


@given(st.sampled_from(DRAWN), st.integers(0, 50))
def test_nothing_beyond_its_reach_is_touched(name, seed):
    rule = draw_rule(name, np.random.default_rng(seed))
    trimap = rule.apply(square((80, 90), 35, 40, 12, 10))
    margin = rule.reach
    outside = np.ones(trimap.shape, bool)
    outside[35 - margin : 47 + margin, 40 - margin : 50 + margin] = False
    assert np.all(trimap[outside] == 0)


def test_band_draws_nothing():
    assert band_rule(2.5).reach == 3
    with pytest.raises(ValueError, match="draws nothing"):
        draw_rule(RuleName.BAND, np.random.default_rng(0))
