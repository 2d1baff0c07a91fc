from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tests.metrics.stability.slow_reference import (
    shortest_path_cost,
    slow_costs,
    slow_mean_matched_cost,
    slow_path,
)
from vstc.metrics.stability.alignment import cheapest_path, mean_matched_cost
from vstc.metrics.stability.matching_cost import matching_cost

shapes = st.tuples(st.integers(2, 9), st.integers(2, 9))
distinct = npst.arrays(float, shapes, elements=st.floats(0, 1), unique=True)
with_ties = npst.arrays(float, shapes, elements=st.integers(0, 3).map(float))


def nodes(path):
    return list(zip(path.rows.tolist(), path.columns.tolist(), strict=True))


@settings(max_examples=80, deadline=None)
@given(st.one_of(distinct, with_ties))
def test_the_path_equals_the_slow_one_and_no_path_is_cheaper(costs):
    path = nodes(cheapest_path(costs))
    assert path == slow_path(costs)
    total = sum(costs[node] for node in path[:-1])
    assert total == pytest.approx(shortest_path_cost(costs), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.one_of(distinct, with_ties), st.integers(0, 8), st.integers(0, 8))
def test_another_start_is_a_rolled_matrix(costs, first_row, first_column):
    n1, n2 = costs.shape
    first_row, first_column = first_row % (n1 + 1), first_column % (n2 + 1)
    rolled = np.roll(costs, (-first_row, -first_column), axis=(0, 1))
    expected = [((i + first_row) % n1, (j + first_column) % n2) for i, j in slow_path(rolled)]
    path = cheapest_path(costs, first_row=first_row, first_column=first_column)
    assert nodes(path) == expected


@settings(max_examples=80, deadline=None)
@given(st.one_of(distinct, with_ties))
def test_the_mean_over_matched_points_equals_the_slow_one(costs):
    assert mean_matched_cost(costs) == pytest.approx(slow_mean_matched_cost(costs), abs=1e-12)


def test_the_start_of_the_matrix_does_not_matter_where_one_pair_is_best():
    rng = np.random.default_rng(5)
    costs = rng.random((12, 15))
    costs[7, 9] = -1
    costs[np.arange(8), np.arange(8) + 2] = 0
    path = nodes(cheapest_path(costs, first_row=8, first_column=10))
    assert path[0] == (7, 9)
    assert path[-1] == (8, 10)


histograms = npst.arrays(
    np.uint16, st.tuples(st.integers(1, 6), st.just(60)), elements=st.integers(0, 3)
).map(lambda counts: counts + np.eye(60, dtype=np.uint16)[: len(counts)])


@settings(max_examples=100, deadline=None)
@given(histograms, histograms)
def test_costs_equal_the_chi_square_formula_and_are_symmetric(first, second):
    costs = matching_cost(first, second)
    assert costs == pytest.approx(slow_costs(first, second), abs=1e-12)
    assert np.array_equal(costs.T, matching_cost(second, first))
    assert costs.min() >= 0
    assert costs.max() <= 1


def test_costs_of_several_tiles_equal_those_of_single_rows():
    rng = np.random.default_rng(0)
    first = rng.poisson(0.7, (70, 60)).astype(np.uint16)
    second = rng.poisson(0.7, (1100, 60)).astype(np.uint16)
    second[:, 30:] *= np.arange(1100)[:, None] > 600
    first[:, 0], second[:, 1] = 1, 1
    costs = matching_cost(first, second)
    for row in (0, 31, 32, 69):
        assert np.array_equal(costs[row], matching_cost(first[row : row + 1], second)[0])
    assert costs[69, ::50] == pytest.approx(slow_costs(first[69:], second[::50])[0], abs=1e-12)


def test_equal_frequencies_cost_exactly_nothing_and_disjoint_ones_cost_one():
    counts = np.random.default_rng(1).integers(0, 50, (20, 60)).astype(np.uint16)
    assert (np.diagonal(matching_cost(counts, 3 * counts)) == 0).all()
    halves = np.zeros((2, 60), np.uint16)
    halves[0, :30], halves[1, 30:] = 2, 7
    assert matching_cost(halves, halves).tolist() == [[0, 1], [1, 0]]
