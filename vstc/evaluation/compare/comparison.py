"""Compare runs with the first of them: differences, intervals over clips, and ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vstc.errors import unknown_name
from vstc.evaluation.compare.additive import Additive, additive_score
from vstc.evaluation.compare.differing import differing, have_the_same_clips, refuse_different
from vstc.evaluation.compare.runs import COSTS, FPS, ComparedRun
from vstc.evaluation.compare.settings import CompareSettings
from vstc.evaluation.score_names import in_order
from vstc.metrics.bootstrap import PairedDifference, paired_bootstrap
from vstc.metrics.ranking import Ranks, rank_table

KIND = "vstc.comparison"
SCHEMA_VERSION = 1
RANKED = ("miou", "tc", FPS)
# Below this the draws of clips are too few different ones for an interval to hold its level.
MIN_CLIPS = 5


@dataclass(frozen=True)
class Difference:
    """Difference of a score to that of the reference.

    Attributes:
        change: The run's score minus the reference's.
        low: Lower end of the interval; None when there is none.
        high: Upper end.
        clips: Clips behind the interval, or that are too few for one.
        reason: Why there is no interval; None when there is one.
    """

    change: float
    low: float | None = None
    high: float | None = None
    clips: int | None = None
    reason: str | None = None

    @property
    def is_certain(self) -> bool:
        """Tell whether there is an interval and 0 lies outside."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other.

    Attributes:
        runs: The runs, the reference first.
        keys: Scores that a run has, in the order of tables.
        differences: To the reference, by score, one mapping per run; empty for the reference.
        ranks: Places by mIoU, TC and fps; None where no run has all three.
        differing: In what each run was judged differently than the reference.
        settings: How they were compared.
    """

    runs: tuple[ComparedRun, ...]
    keys: tuple[str, ...]
    differences: tuple[Mapping[str, Difference], ...]
    ranks: tuple[Ranks, ...] | None
    differing: tuple[tuple[str, ...], ...]
    settings: CompareSettings

    @property
    def reference(self) -> ComparedRun:
        """The run that the others are compared with."""
        return self.runs[0]

    def as_json(self) -> dict[str, Any]:
        """Return the content of ``comparison.json``, without the claims."""
        rows = []
        for number, run in enumerate(self.runs):
            scores = run.scores()
            ranks = self.ranks[number] if self.ranks else Ranks()
            rows.append(
                {
                    "name": run.name,
                    "operating_point": run.rate.point if run.rate else None,
                    "scores": {key: scores.get(key) for key in self.keys},
                    "differences": {k: asdict(d) for k, d in self.differences[number].items()},
                    "ranks": dict(zip(RANKED, ranks.parts or (None,) * 3, strict=True))
                    | {"sum": ranks.total, "r": ranks.r},
                    "differing": list(self.differing[number]),
                }
            )
        return {
            "schema": KIND,
            "schema_version": SCHEMA_VERSION,
            "dataset": self.reference.record["dataset"],
            "protocol": dict(self.reference.protocol),
            "reference": self.reference.name,
            "clips": len(self.reference.clip_ids),
            "level": self.settings.level,
            "resamples": self.settings.resamples,
            "runs": rows,
        }


def compare_runs(runs: Sequence[ComparedRun], settings: CompareSettings) -> Comparison:
    """Compare runs with the first one.

    Args:
        runs: At least one run.
        settings: Whether different protocols are allowed, and how intervals are drawn.

    Raises:
        ConfigError: A score is to be shown that no run has.
        InputError: A run was judged differently, and that is not allowed.
    """
    if not settings.allow_different:
        refuse_different(runs)
    scores = [run.scores() for run in runs]
    keys = _keys(scores, settings.scores)
    ranks = rank_table([[values.get(key) for key in RANKED] for values in scores])
    return Comparison(
        runs=tuple(runs),
        keys=tuple(keys),
        differences=({}, *(_differences(runs[0], run, keys, settings) for run in runs[1:])),
        ranks=tuple(ranks) if any(rank.r is not None for rank in ranks) else None,
        differing=((), *(tuple(differing(runs[0], run)) for run in runs[1:])),
        settings=settings,
    )


def _keys(scores: Sequence[Mapping[str, float | None]], wanted: Sequence[str]) -> list[str]:
    known = in_order(key for values in scores for key, v in values.items() if v is not None)
    for key in wanted:
        if key not in known:
            raise unknown_name("score", key, known)
    return [key for key in known if key in wanted] if wanted else known


def _differences(
    reference: ComparedRun, run: ComparedRun, keys: Sequence[str], settings: CompareSettings
) -> dict[str, Difference]:
    before, after = reference.scores(), run.scores()
    found = {}
    for key in keys:
        first, second = before.get(key), after.get(key)
        if first is not None and second is not None:
            found[key] = (
                Difference(second - first, reason="it is no score of clips")
                if key in COSTS
                else _difference(reference, run, key, settings)
            )
    return found


def _difference(
    reference: ComparedRun, run: ComparedRun, key: str, settings: CompareSettings
) -> Difference:
    change = run.record["totals"][key] - reference.record["totals"][key]
    if settings.resamples == 0:
        return Difference(change, reason="no intervals were asked for")
    if not have_the_same_clips(reference, run):
        return Difference(change, reason="the runs were judged on different clips or classes")
    baseline, candidate = additive_score(reference, key), additive_score(run, key)
    if baseline is None or candidate is None or _shape(baseline) != _shape(candidate):
        return Difference(change, reason="it is not known how this score adds up over clips")
    drawn = _draw(baseline, candidate, _order(reference, run), settings)
    if drawn.n_clips < MIN_CLIPS:
        reason = f"an interval needs at least {MIN_CLIPS} clips"
        return Difference(change, clips=drawn.n_clips, reason=reason)
    if drawn.interval is None:
        return Difference(change, clips=drawn.n_clips, reason=drawn.reason)
    return Difference(change, *drawn.interval, clips=drawn.n_clips)


def _draw(
    baseline: Additive, candidate: Additive, order: Sequence[int], settings: CompareSettings
) -> PairedDifference:
    """Draw clips; those in which neither run counted anything are no clips of this score."""
    first, second = baseline.values, candidate.values[order]
    axes = tuple(range(1, first.ndim))
    counted = first.any(axis=axes) | second.any(axis=axes)
    return paired_bootstrap(
        first[counted],
        second[counted],
        score=baseline.score,
        rng=np.random.default_rng(settings.seed),
        num_resamples=settings.resamples,
        level=settings.level,
    )


def _shape(additive: Additive) -> tuple[int, ...]:
    return additive.values.shape[1:]


def _order(reference: ComparedRun, run: ComparedRun) -> list[int]:
    """Return the place in a run of each clip of the reference."""
    places = {clip_id: place for place, clip_id in enumerate(run.clip_ids)}
    return [places[clip_id] for clip_id in reference.clip_ids]
