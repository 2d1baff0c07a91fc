from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.metrics.stability.shapes import blobs, small_masks
from tests.metrics.stability.slow_reference import crack_edges, slow_loops
from vstc.metrics.stability.outline import trace_loops


def loops_of(mask):
    return [[tuple(point) for point in loop.tolist()] for loop in trace_loops(mask)]


def edges_of(loops):
    return sorted(
        tuple(sorted(edge)) for loop in loops for edge in zip(loop, loop[1:], strict=False)
    )


@settings(max_examples=200, deadline=None)
@given(small_masks())
def test_loops_equal_the_slow_reference_on_noise(mask):
    assert loops_of(mask) == slow_loops(mask)


@settings(max_examples=40, deadline=None)
@given(blobs())
def test_loops_equal_the_slow_reference_on_blobs(mask):
    assert loops_of(mask) == slow_loops(mask)


@pytest.mark.parametrize("seed", range(10))
def test_each_crack_edge_is_walked_once_and_each_loop_closes(seed):
    mask = np.random.default_rng(seed).random((40, 50)) < 0.5
    loops = loops_of(mask)
    edges = {tuple(sorted((v, w))) for v, ends in crack_edges(mask).items() for w in ends}
    assert edges_of(loops) == sorted(edges)
    assert all(loop[0] == loop[-1] for loop in loops)


def test_an_isolated_outline_starts_at_the_top_left_of_its_first_pixel_and_runs_down():
    mask = np.zeros((5, 6), bool)
    mask[1:3, 2:4] = True
    assert loops_of(mask) == [
        [(1, 2), (2, 2), (3, 2), (3, 3), (3, 4), (2, 4), (1, 4), (1, 3), (1, 2)]
    ]


def test_no_loop_goes_straight_over_a_saddle():
    mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], bool)
    loops = loops_of(mask)
    assert sorted(len(loop) for loop in loops) == [5, 5, 5]


def test_empty_and_full_masks():
    assert len(trace_loops(np.zeros((4, 4), bool))) == 0
    assert loops_of(np.ones((1, 1), bool)) == [[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]]
