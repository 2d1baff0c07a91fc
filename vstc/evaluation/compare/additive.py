"""What of a score adds up over clips, so that it can be read from any draw of them.

N clips, R draws, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vstc.evaluation.compare.clip_sums import TRIMAP_IOU
from vstc.evaluation.compare.runs import ComparedRun
from vstc.evaluation.settings import Metric
from vstc.metrics.bootstrap import Score, mean_score
from vstc.metrics.confusion import scores_from_counts
from vstc.metrics.consistency_modes import read_agreement
from vstc.metrics.consistency_protocol import ConsistencyMode, ConsistencyProtocol
from vstc.metrics.trimap import trimap_miou

Counts = NDArray[np.int64]
Readers = dict[str, Callable[[Counts], float | None]]
# Totals that are the mean of a column of clips by another name.
_COLUMN = {"tc_seq": "tc"}
_SAME = 1e-9


@dataclass(frozen=True)
class Additive:
    """A score as a function of sums over clips.

    Attributes:
        values: What adds up, by clip, (N, ...).
        score: Turns sums, (R, ...), into R scores.
    """

    values: NDArray[np.generic]
    score: Score


def additive_score(run: ComparedRun, key: str) -> Additive | None:
    """Find how a total adds up over clips; None when that is not known.

    From confusion matrices, from sums with weights, or as a mean over clips. What is found gives
    the total of the record again, else it is not taken.

    Args:
        run: The run.
        key: Name of the total.
    """
    total = run.record["totals"].get(key)
    if total is None:
        return None
    for found in _candidates(run, key):
        whole = found.score(found.values.sum(axis=0, keepdims=True, dtype=np.float64))[0]
        if abs(whole - total) <= _SAME * max(1.0, abs(total)):
            return found
    return None


def _candidates(run: ComparedRun, key: str) -> Iterator[Additive]:
    by_group: dict[str, Readers] = {
        Metric.MIOU: _segmentation(run),
        Metric.TC: _consistency(run),
        TRIMAP_IOU: {"miou": trimap_miou},
    }
    for group, readers in by_group.items():
        if group in run.counts and key in readers:
            yield Additive(run.counts[group], _one_by_one(readers[key]))
    if key in run.sums:
        yield Additive(run.sums[key], mean_score)
    values = [row.get(_COLUMN.get(key, key)) for row in run.record["per_clip"]]
    pairs = [(0.0, 0.0) if value is None else (value, 1.0) for value in values]
    yield Additive(np.array(pairs, np.float64), mean_score)


def _segmentation(run: ComparedRun) -> Readers:
    protocol = run.protocol
    ids = {row["name"]: row["id"] for row in run.record["per_class"]}
    excluded = [ids[name] for name in protocol.get("excluded") or () if name in ids]
    scores = partial(scores_from_counts, absent=protocol.get("absent") or "null", excluded=excluded)
    return {
        "miou": lambda counts: scores(counts).miou,
        "macc": lambda counts: scores(counts).macc,
        "aacc": lambda counts: scores(counts).aacc,
        "fwiou": lambda counts: scores(counts).fwiou,
    }


def _consistency(run: ComparedRun) -> Readers:
    choices = run.protocol.get("tc")
    if not choices:
        return {}
    protocol = ConsistencyProtocol(
        mode=ConsistencyMode(choices["mode"]), excluded=tuple(choices.get("excluded") or ())
    )
    read = partial(read_agreement, protocol, absent=run.protocol.get("absent") or "null")
    return {"tc": lambda counts: read(counts).tc, "tc_acc": lambda counts: read(counts).tc_acc}


def _one_by_one(read: Callable[[Counts], float | None]) -> Score:
    """Read each draw on its own, with the function that the record was made with."""

    def score(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        found = (read(counts) for counts in np.rint(sums).astype(np.int64))
        return np.array([np.nan if value is None else value for value in found])

    return score
