from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.metrics.bootstrap import class_iou_score, mean_score, paired_bootstrap
from vstc.metrics.confusion import AbsentClass, scores_from_counts


def confusions(seed, *, clips=12, num_classes=4, skill=0.7):
    """Confusion matrices by clip, of a prediction that is right with some chance."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, (clips, num_classes + 1, num_classes + 1))
    counts[:, range(num_classes), range(num_classes)] += rng.poisson(
        40 * skill, (clips, num_classes)
    )
    counts[:, num_classes] = 0
    return counts


def compare(baseline, candidate, **choices):
    choices = {"score": mean_score, "num_resamples": 500} | choices
    return paired_bootstrap(baseline, candidate, rng=np.random.default_rng(0), **choices)


def slow_differences(baseline, candidate, *, num_resamples):
    """Draw, pool and score one resample after the other; the draws of numpy's multinomial."""
    n_clips = len(baseline)
    draws = np.random.default_rng(0).multinomial(n_clips, [1 / n_clips] * n_clips, num_resamples)
    differences = []
    for times in draws:
        places = np.repeat(np.arange(n_clips), times)
        after, before = (
            scores_from_counts(run[places].sum(axis=0)) for run in (candidate, baseline)
        )
        differences.append(after.miou - before.miou)
    return np.array(differences)


@pytest.mark.parametrize("absent", AbsentClass)
@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_class_iou_equals_the_scores_of_each_matrix(absent, seed):
    counts = confusions(seed)
    counts[::2, :, 1] = 0
    counts[::2, 1] = 0
    counts[3] = 0
    found = class_iou_score(4, excluded=(0,), absent=absent)(counts.astype(float))
    for value, matrix in zip(found, counts, strict=True):
        expected = scores_from_counts(matrix, absent=absent, excluded=(0,)).miou
        assert np.isnan(value) if expected is None else value == pytest.approx(expected)


def test_intervals_equal_a_loop_over_draws():
    baseline, candidate = confusions(0), confusions(1, skill=0.9)
    found = compare(baseline, candidate, score=class_iou_score(4))
    expected = slow_differences(baseline, candidate, num_resamples=500)
    assert found.interval == pytest.approx(np.quantile(expected, [0.025, 0.975]), abs=1e-12)
    assert found.share_better == (expected > 0).mean()
    assert (found.n_clips, found.n_resamples, found.reason) == (12, 500, None)


def test_scores_are_those_of_all_clips():
    baseline, candidate = confusions(0), confusions(1)
    found = compare(baseline, candidate, score=class_iou_score(4))
    assert found.baseline == pytest.approx(scores_from_counts(baseline.sum(axis=0)).miou)
    assert found.candidate == pytest.approx(scores_from_counts(candidate.sum(axis=0)).miou)
    assert found.difference == found.candidate - found.baseline


def test_equal_runs_differ_by_nothing():
    found = compare(confusions(2), confusions(2), score=class_iou_score(4))
    assert (found.difference, found.interval, found.share_better) == (0, (0, 0), 0.5)


def test_clips_are_drawn_for_both_runs_alike():
    # The clips differ a lot, the runs by 0.01 in every clip: a pairing that works sees just that.
    baseline = np.stack([np.linspace(0.1, 0.8, 30), np.ones(30)], axis=1)
    candidate = baseline + [0.01, 0]
    found = compare(baseline, candidate)
    assert found.interval == pytest.approx((0.01, 0.01))
    assert found.share_better == 1


def test_the_interval_of_a_mean_has_the_width_of_theory():
    steps = np.random.default_rng(1).normal(0.02, 0.1, 400)
    baseline = np.stack([np.full(400, 0.5), np.ones(400)], axis=1)
    found = compare(baseline, baseline + np.stack([steps, np.zeros(400)], 1), num_resamples=4000)
    half = 1.96 * steps.std() / np.sqrt(400)
    assert found.interval == pytest.approx((steps.mean() - half, steps.mean() + half), abs=1e-3)


def test_a_lower_score_can_be_the_better_one():
    baseline = np.stack([np.linspace(0.1, 0.8, 10), np.ones(10)], axis=1)
    worse = compare(baseline, baseline + [0.1, 0], higher_is_better=False)
    assert (worse.share_better, worse.difference > 0) == (0, True)


def test_one_clip_gives_a_difference_but_no_interval():
    found = compare(np.array([[0.5, 1]]), np.array([[0.7, 1]]))
    assert found.difference == pytest.approx(0.2)
    assert (found.interval, found.share_better, found.n_clips) == (None, None, 1)
    assert found.reason == "an interval over clips needs at least two clips"


def test_a_run_without_a_score_gives_null():
    empty = np.zeros((3, 2))
    found = compare(empty, np.ones((3, 2)))
    assert (found.baseline, found.candidate, found.difference) == (None, 1, None)
    assert (found.interval, found.reason) == (None, "a run has no score")
    nothing = compare(np.zeros((0, 2)), np.zeros((0, 2)))
    assert (nothing.difference, nothing.interval, nothing.n_clips) == (None, None, 0)


def test_draws_without_a_score_are_left_out():
    values = np.array([[0.5, 1.0], [0.0, 0.0]])
    found = compare(values, values + [[0.1, 0], [0, 0]])
    # A quarter of the draws takes the clip without a value twice.
    assert 340 < found.n_resamples < 410
    assert found.interval == pytest.approx((0.1, 0.1))


def test_memory_blocks_do_not_change_the_result(monkeypatch):
    baseline, candidate = confusions(3), confusions(4)
    whole = compare(baseline, candidate, score=class_iou_score(4))
    monkeypatch.setattr("vstc.metrics.bootstrap._ELEMENTS", 100)
    assert compare(baseline, candidate, score=class_iou_score(4)) == whole


def test_a_seed_gives_the_same_interval_again():
    runs = confusions(5), confusions(6)
    first, second = (compare(*runs, score=class_iou_score(4)) for _ in range(2))
    assert first == second


def test_runs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        compare(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="nothing to draw"):
        compare(np.zeros((3, 2)), np.zeros((3, 2)), level=1.0)
