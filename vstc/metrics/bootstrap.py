"""Paired bootstrap over clips: is the difference of two runs more than the choice of clips.

Both runs judge the same clips. Clips are drawn with replacement, for both runs alike; the score
of a draw is read from the sum of what its clips hold (Efron and Tibshirani 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.confusion import AbsentClass, kept_classes

Sums = NDArray[np.float64]
Score = Callable[[Sums], NDArray[np.float64]]
_ELEMENTS = 1 << 22  # of sums in memory at a time


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two runs over the same clips.

    Attributes:
        baseline: Score of the baseline over all clips; None when it has none.
        candidate: Score of the candidate over all clips.
        difference: ``candidate - baseline``.
        interval: Percentile interval of the difference; None when it cannot be given.
        share_better: Share of the draws in which the candidate is better, a tie counting half;
            None without an interval.
        n_clips: Clips.
        n_resamples: Draws in which both runs have a score.
        level: Share of the draws that the interval holds.
        reason: Why there is no interval; None when there is one.
    """

    baseline: float | None
    candidate: float | None
    difference: float | None
    interval: tuple[float, float] | None
    share_better: float | None
    n_clips: int
    n_resamples: int
    level: float
    reason: str | None


def paired_bootstrap(
    baseline: NDArray[np.generic],
    candidate: NDArray[np.generic],
    *,
    score: Score,
    rng: np.random.Generator,
    num_resamples: int = 10_000,
    level: float = 0.95,
    higher_is_better: bool = True,
) -> PairedDifference:
    """Compare two runs over the same clips.

    Args:
        baseline: What adds up over clips, by clip, (N, ...): a confusion matrix, or a sum and a
            weight.
        candidate: The same of the other run; the same clips in the same order.
        score: Turns sums over clips, (R, ...), into R scores; nan where there is none.
        rng: Source of the draws.
        num_resamples: Draws.
        level: Share of the draws that the interval holds, in (0, 1).
        higher_is_better: Whether a greater score is the better one, for ``share_better``.

    Raises:
        ValueError: The runs differ in shape, or there is nothing to draw.
    """
    if baseline.shape != candidate.shape:
        raise ValueError(f"runs differ in shape: {baseline.shape} and {candidate.shape}")
    if not 0 < level < 1 or num_resamples < 1:
        raise ValueError(f"nothing to draw: level {level}, {num_resamples} resamples")
    n_clips = len(baseline)
    everything = np.ones((1, n_clips))
    before, after = (_scores(run, everything, score)[0] for run in (baseline, candidate))
    reason = None
    if n_clips < 2:
        reason = "an interval over clips needs at least two clips"
    elif not np.isfinite(after - before):
        reason = "a run has no score"
    draws = np.empty(0)
    if reason is None:
        weights = rng.multinomial(n_clips, np.full(n_clips, 1 / n_clips), num_resamples)
        drawn = _scores(candidate, weights, score) - _scores(baseline, weights, score)
        draws = drawn[np.isfinite(drawn)]
        if not len(draws):
            reason = "no draw of clips has a score"
    return PairedDifference(
        baseline=_known(before),
        candidate=_known(after),
        difference=_known(after - before),
        interval=None if reason else _interval(draws, level),
        share_better=None if reason else _share_better(draws if higher_is_better else -draws),
        n_clips=n_clips,
        n_resamples=len(draws),
        level=level,
        reason=reason,
    )


def mean_score(sums: Sums) -> NDArray[np.float64]:
    """Read weighted means: sums of value times weight and of weight, (R, 2).

    A clip without a value adds (0, 0).
    """
    return _divide(sums[..., 0], sums[..., 1])


def class_iou_score(
    num_classes: int,
    *,
    excluded: Collection[int] = (),
    absent: AbsentClass | str = AbsentClass.NULL,
) -> Score:
    """Make the function that reads the mean class IoU from confusion matrices.

    It equals ``scores_from_counts(...).miou`` of each matrix.

    Args:
        num_classes: Number of classes K; matrices are (R, K + 1, K + 1).
        excluded: Class ids that are left out of the mean.
        absent: What a class scores that a draw does not have.
    """
    kept = kept_classes(num_classes, excluded)
    is_null = AbsentClass(absent) is AbsentClass.NULL

    def score(sums: Sums) -> NDArray[np.float64]:
        hits = np.diagonal(sums, axis1=-2, axis2=-1)[..., kept]
        union = sums.sum(axis=-1)[..., kept] + sums.sum(axis=-2)[..., kept] - hits
        is_there = union > 0
        iou = np.divide(hits, union, out=np.zeros_like(hits), where=is_there)
        n_classes = is_there.sum(axis=-1) if is_null else np.where(sums.sum((-2, -1)), len(kept), 0)
        return _divide(iou.sum(axis=-1), n_classes)

    return score


def _scores(run: NDArray[np.generic], weights: NDArray[np.generic], score: Score) -> Sums:
    """Score draws, some at a time so that memory stays small.

    Args:
        run: What adds up, (N, ...).
        weights: How often each clip was drawn, (R, N).
        score: Turns sums over clips into scores.
    """
    # In float64, whose products run on all cores; counts below 2^53 stay exact.
    values = run.astype(np.float64)
    block = max(1, _ELEMENTS // max(values[0].size if len(values) else 1, 1))
    parts = []
    for start in range(0, len(weights), block):
        part = weights[start : start + block].astype(np.float64)
        parts.append(score(np.tensordot(part, values, axes=1)))
    return np.concatenate(parts)


def _interval(draws: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _share_better(draws: NDArray[np.float64]) -> float:
    return float((draws > 0).mean() + (draws == 0).mean() / 2)


def _divide(part: Sums, whole: NDArray[np.generic]) -> NDArray[np.float64]:
    """Divide; nan where the divisor is 0."""
    divisor = whole.astype(np.float64)
    return np.divide(part, divisor, out=np.full_like(divisor, np.nan), where=divisor != 0)


def _known(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
