from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.metrics.jitter import Jitter, jitter

SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=20)


@given(values=SHARES)
def test_values_equal_those_of_numpy(values):
    found = jitter(values)
    assert found.deviation == pytest.approx(np.std(values), abs=1e-12)
    assert found.largest_drop == max(0.0, float(-np.diff(values).min()))
    assert found.n_pairs == len(values)


def test_an_even_clip_has_none():
    assert jitter([0.7] * 5) == Jitter(0.0, 0.0, 5)


@given(values=SHARES, level=st.floats(-0.1, 0.1))
def test_the_level_of_the_curve_does_not_count(values, level):
    moved = jitter([value + level for value in values])
    assert moved.deviation == pytest.approx(jitter(values).deviation, abs=1e-9)


def test_a_drop_at_every_key_frame_shows():
    saw = [0.9, 0.9, 0.4] * 4
    assert jitter(saw).largest_drop == pytest.approx(0.5)
    assert jitter(saw).deviation == pytest.approx(np.sqrt(2) / 6)


def test_unknown_pairs_are_skipped_and_never_bridged():
    assert jitter([0.9, None, 0.1]) == Jitter(pytest.approx(0.4), None, 2)
    assert jitter([0.9, None, 0.1, 0.0]).largest_drop == pytest.approx(0.1)


def test_too_few_values_give_null():
    for values in ([], [None, None], [0.5]):
        assert jitter(values).deviation is None
        assert jitter(values).largest_drop is None
