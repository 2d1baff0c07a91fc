"""The scores of a metrics artifact as the report reads them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vstc.errors import InputError
from vstc.report.sources import Source, read_json

RECORD = "metrics.json"
PAIRS = "per_pair.csv"
FRAMES = "per_frame.csv"

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class PairScore:
    """Agreement of frame ``index`` with the next one; None without a pixel to compare."""

    index: int
    accuracy: float | None


@dataclass(frozen=True)
class FrameScore:
    """Accuracy and mIoU of frame ``index`` alone; None without a labelled pixel."""

    index: int
    accuracy: float | None
    miou: float | None


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
        source: The metrics artifact.
        frames: Scores of single frames by clip.
        confusion: (K + 1) rows of pixel counts by true class, (K + 1) columns by predicted
            class, the last of each for ids outside the table; empty where there are none.
    """

    name: str
    color: str
    dataset: str
    totals: Scores
    classes: Sequence[Mapping[str, Any]]
    clips: Sequence[Mapping[str, Any]]
    pairs: Mapping[str, Sequence[PairScore]]
    protocol: Mapping[str, Any]
    source: Source
    frames: Mapping[str, Sequence[FrameScore]] = field(default_factory=dict)
    confusion: Sequence[Sequence[int]] = ()


def read_scores(source: Source) -> RunScores:
    """Read ``metrics.json`` and, where they are there, ``per_pair.csv`` and ``per_frame.csv``.

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
        pairs=_read_pairs(source.path / PAIRS),
        protocol=record.get("protocol") or {},
        source=source,
        frames=_read_frames(source.path / FRAMES),
        confusion=record.get("confusion") or (),
    )


def _read_pairs(path: Path) -> dict[str, list[PairScore]]:
    pairs: dict[str, list[PairScore]] = {}
    for clip, index, row in _rows(path):
        pairs.setdefault(clip, []).append(PairScore(index, _cell(path, row, "accuracy")))
    return pairs


def _read_frames(path: Path) -> dict[str, list[FrameScore]]:
    frames: dict[str, list[FrameScore]] = {}
    for clip, index, row in _rows(path):
        accuracy, miou = _cell(path, row, "accuracy"), _cell(path, row, "miou")
        frames.setdefault(clip, []).append(FrameScore(index, accuracy, miou))
    return frames


def _rows(path: Path) -> Iterator[tuple[str, int, Mapping[str, str | None]]]:
    """Yield clip, place and columns of each line of a table; none where there is no file."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                yield row["clip"], int(row["index"]), row
            except (KeyError, ValueError, TypeError) as error:
                raise InputError(f"{path} is not readable: {error!r}") from error


def _cell(path: Path, row: Mapping[str, str | None], column: str) -> float | None:
    """Read a value; None where the cell is empty or the column is missing."""
    text = row.get(column)
    try:
        return float(text) if text else None
    except ValueError as error:
        raise InputError(f"{path} is not readable: {column} is {text}") from error


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
