"""The best class of class scores: a slow reference, ties, sizes, and numbers that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.evaluation.label_sources.best_class import best_class
from vstc.formats.class_scores import ClassScores

SHAPE = (4, 5, 6)


def scores(values: NDArray[Any], *, scale: float = 1.0, are_logits: bool = True) -> ClassScores:
    return ClassScores(values, scale, are_logits, "a.npz")


def softmax(seed: int, shape: tuple[int, int, int] = SHAPE) -> NDArray[np.float64]:
    powers = np.exp(np.random.default_rng(seed).normal(0, 2, shape))
    return powers / powers.sum(axis=0)


@given(
    values=hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
        elements=st.integers(-3, 3).map(float),
    )
)
def test_it_is_numpys_argmax_with_ties_to_the_lowest_id(values: NDArray[Any]) -> None:
    labels = best_class(scores(values), num_classes=len(values))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, values.argmax(axis=0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_of_all_float_types_are_taken(dtype: type[np.floating]) -> None:
    values = softmax(1, (150, 7, 8)).astype(dtype)
    labels = best_class(scores(values, are_logits=False), num_classes=150)
    np.testing.assert_array_equal(labels, values.argmax(axis=0))


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_rounding_of_integers_is_no_wrong_sum(dtype: type[np.unsignedinteger], top: int) -> None:
    exact = softmax(2, (150, 9, 9))
    values = np.round(exact * top).astype(dtype)
    assert abs(values.astype(float).sum(axis=0) / top - 1).max() > 1e-4
    labels = best_class(scores(values, scale=1 / top, are_logits=False), num_classes=150)
    np.testing.assert_array_equal(labels, values.argmax(axis=0))


def test_close_numbers_of_64_bits_are_told_apart() -> None:
    values = np.ones((2, 1, 1))
    values[1] += 1e-12
    assert best_class(scores(values), num_classes=2) == 1


@pytest.mark.parametrize("size", [(10, 12), (13, 17), (3, 4)])
def test_scores_are_resized_before_the_best_is_chosen(size: tuple[int, int]) -> None:
    values = np.random.default_rng(3).normal(0, 1, SHAPE).astype(np.float32)
    expected = F.interpolate(
        torch.from_numpy(values)[None], size, mode="bilinear", align_corners=False
    )
    labels = best_class(scores(values), num_classes=4, size=size)
    np.testing.assert_array_equal(labels, expected[0].argmax(dim=0).numpy())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("are_logits", [True, False])
def test_a_value_that_is_not_finite_is_refused(bad: float, are_logits: bool) -> None:
    values = softmax(4)
    values[2, 1, 3] = bad
    with pytest.raises(InputError, match=rf"class 2 is {bad:g} at \(3, 1\): a\.npz"):
        best_class(scores(values, are_logits=are_logits), num_classes=4)


def test_a_negative_probability_is_refused_but_a_negative_logit_is_not() -> None:
    values = softmax(5)
    values[1, 0, 2] = -0.25
    with pytest.raises(InputError, match=r"probability of class 1 is -0.25 at \(2, 0\)") as caught:
        best_class(scores(values, are_logits=False), num_classes=4)
    assert "logits" in str(caught.value.hint)
    assert best_class(scores(values), num_classes=4).shape == (5, 6)


def test_probabilities_that_do_not_sum_to_1_are_refused() -> None:
    values = softmax(6)
    values[:, 4, 0] *= 0.9
    with pytest.raises(InputError, match=r"sum to 0.9 at \(0, 4\), not to 1: a\.npz"):
        best_class(scores(values, are_logits=False), num_classes=4)
    assert best_class(scores(values), num_classes=4).shape == (5, 6)


def test_channels_must_be_the_classes_and_come_first() -> None:
    with pytest.raises(InputError, match=r"shape \(4, 5, 6\), but there are 3 classes: a\.npz"):
        best_class(scores(np.zeros(SHAPE)), num_classes=3)
    with pytest.raises(InputError) as caught:
        best_class(scores(np.zeros(SHAPE)), num_classes=6)
    assert "transpose(2, 0, 1)" in str(caught.value.hint)
    with pytest.raises(InputError, match="there are 4 classes"):
        best_class(scores(np.zeros((4, 0, 6))), num_classes=4)
