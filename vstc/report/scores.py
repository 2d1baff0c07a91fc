"""The scores of a metrics artifact as the report reads them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vstc.errors import InputError
from vstc.report.sources import Source, read_json

RECORD = "metrics.json"
PAIRS = "per_pair.csv"

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Score:
    """How a score is called and which way is better."""

    label: str
    is_share: bool = True
    is_better_low: bool = False


KNOWN_SCORES = {
    "miou": Score("mIoU"),
    "macc": Score("mAcc"),
    "aacc": Score("aAcc"),
    "fwiou": Score("fwIoU"),
    "tc": Score("TC"),
    "tc_seq": Score("TC per clip"),
    "tc_acc": Score("TC pixels"),
    "tsb": Score("Tsb", is_share=False, is_better_low=True),
    "vc8": Score("VC8"),
    "vc16": Score("VC16"),
}


@dataclass(frozen=True)
class PairScore:
    """Agreement of frame ``index`` with the next one; None without a pixel to compare."""

    index: int
    accuracy: float | None


@dataclass(frozen=True)
class RunScores:
    """Scores of one run, shares in [0, 1].

    Attributes:
        name: The run.
        color: Its colour.
        dataset: Name of the data set.
        totals: Score by name.
        classes: Per class: ``name`` and scores.
        clips: Per clip: ``id`` and scores.
        pairs: Agreement of neighbouring frames by clip.
        protocol: How the scores were made.
    """

    name: str
    color: str
    dataset: str
    totals: Scores
    classes: Sequence[Mapping[str, Any]]
    clips: Sequence[Mapping[str, Any]]
    pairs: Mapping[str, Sequence[PairScore]]
    protocol: Mapping[str, Any]


def read_scores(source: Source) -> RunScores:
    """Read ``metrics.json`` and, where it is there, ``per_pair.csv``.

    Args:
        source: A metrics artifact.

    Raises:
        InputError: A file is missing or not what it should be.
    """
    path = source.path / RECORD
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("totals"), dict):
        raise InputError(f"{path} holds no totals", hint="run vstc evaluate again")
    return RunScores(
        name=source.name,
        color=source.color,
        dataset=str(record.get("dataset", "")),
        totals={key: _number(value) for key, value in record["totals"].items()},
        classes=record.get("per_class") or [],
        clips=record.get("per_clip") or [],
        pairs=_read_pairs(source),
        protocol=record.get("protocol") or {},
    )


def score(key: str) -> Score:
    """Return how a score is shown; unknown ones are called by their key."""
    return KNOWN_SCORES.get(key, Score(key, is_share=False))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _read_pairs(source: Source) -> dict[str, list[PairScore]]:
    path = source.path / PAIRS
    pairs: dict[str, list[PairScore]] = {}
    if not path.is_file():
        return pairs
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                accuracy = float(row["accuracy"]) if row["accuracy"] else None
                pairs.setdefault(row["clip"], []).append(PairScore(int(row["index"]), accuracy))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not readable: {error!r}") from error
    return pairs
