from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.report.objects import (
    PLAIN,
    cut_out,
    draw_masks,
    surroundings,
    track_color,
    track_rgb,
    trimap_alpha,
)
from vstc.report.timelines import MAX_ROWS, Presence, gaps_in, ranges_of, timeline_chart


@given(st.sets(st.integers(0, 40)))
def test_ranges_hold_the_places_and_gaps_the_rest(places):
    ranges = ranges_of(sorted(places))
    held = [i for first, last in ranges for i in range(first, last + 1)]
    assert held == sorted(places)
    gaps = [i for first, last in gaps_in(ranges, num_frames=41) for i in range(first, last + 1)]
    assert sorted(held + gaps) == list(range(41))
    assert all(
        later[0] - earlier[1] > 1 for earlier, later in zip(ranges, ranges[1:], strict=False)
    )


def test_a_timeline_has_a_bar_for_every_stretch_and_names_it():
    tracks = [
        Presence("1 person", "#ff0000", ((0, 4), (8, 8))),
        Presence("2 <dog>", "#00ff00", tuple((2 * i, 2 * i) for i in range(9))),
    ]
    svg = timeline_chart(tracks, num_frames=20, label="when")
    assert 'aria-label="when"' in svg
    assert "<title>1 person: frames 0-4, 8</title>" in svg
    assert "2 &lt;dog&gt;: frames 0, 2, 4, 6, 8, 10 and 3 more" in svg
    assert len(re.findall(r"fill: #ff0000", svg)) == 2
    assert len(re.findall(r"fill: #00ff00", svg)) == 9
    assert tracks[0].num_frames == 6


def test_a_timeline_of_many_tracks_is_cut():
    tracks = [Presence(f"t{i:03d}", "#ff0000", ((0, 4),)) for i in range(MAX_ROWS + 5)]
    svg = timeline_chart(tracks, num_frames=5, label="when")
    assert f"t{MAX_ROWS - 1:03d}" in svg
    assert f"t{MAX_ROWS:03d}" not in svg


def test_colours_of_tracks_differ_and_numbers_may_be_large():
    colors = {track_color(track) for track in range(1, 60)}
    assert len(colors) == 59
    assert re.fullmatch("#[0-9a-f]{6}", track_color(10**9))


def test_masks_are_tinted_the_smaller_on_top_and_the_rest_is_the_frame():
    image = np.full((80, 120, 3), 100, np.uint8)
    large, small = np.zeros((2, 80, 120), np.bool_)
    large[10:70, 10:110] = True
    small[40:65, 75:105] = True
    drawn = draw_masks({7: small, 2: large}, image=image, size=(80, 120))
    assert np.array_equal(drawn[~large], image[~large])
    under = image[0, 0] * 0.45 + np.array(track_rgb(2)) * 0.55
    assert np.abs(drawn[11, 11] - under).max() <= 1
    assert np.abs(drawn[41, 76] - (under * 0.45 + np.array(track_rgb(7)) * 0.55)).max() <= 1
    assert not np.array_equal(image, drawn)
    assert draw_masks({}, image=None, size=(4, 5)).shape == (4, 5, 3)


def test_a_cut_out_keeps_the_frame_where_alpha_is_one():
    image = np.full((1, 3, 3), 200, np.uint8)
    alpha = np.array([[0.0, 0.5, 1.0]], np.float32)
    cut = cut_out(image, alpha)[0]
    assert tuple(cut[0]) == PLAIN
    assert tuple(cut[2]) == (200, 200, 200)
    assert np.allclose(cut[1], (np.array(PLAIN) + 200) / 2, atol=1)


def test_what_a_trimap_does_not_know_is_half_there():
    trimap = np.array([[0, 128, 255, 77]], np.uint8)
    assert trimap_alpha(trimap).tolist() == [[0, 0.5, 1, 0.5]]


@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    ends=st.tuples(*[st.floats(0, 0.999)] * 4),
)
def test_surroundings_hold_the_object_and_lie_within_the_frame(size, ends):
    mask = np.zeros(size, np.bool_)
    rows = sorted(int(end * size[0]) for end in ends[:2])
    columns = sorted(int(end * size[1]) for end in ends[2:])
    mask[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    window = surroundings(mask)
    assert mask[window].sum() == mask.sum()
    for part, length in zip(window, size, strict=True):
        assert 0 <= part.start < part.stop <= length


def test_surroundings_of_a_small_object_have_the_shape_of_the_frame():
    mask = np.zeros((100, 200), np.bool_)
    mask[50:52, 190:195] = True
    height, width = mask[surroundings(mask)].shape
    assert width / height == pytest.approx(2, rel=0.05)
    assert width == pytest.approx(0.3 * 200, abs=2)
