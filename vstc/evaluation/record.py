"""The files of a metrics artifact: ``metrics.json``, ``per_pair.csv`` and ``per_frame.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from vstc.artifacts.atomic import atomic_path
from vstc.evaluation.evaluate import ClipScores, Evaluation
from vstc.evaluation.groups.base import ClipRows, MetricGroup, Value
from vstc.formats.dataset import Clip, Dataset

KIND = "vstc.metrics"
SCHEMA_VERSION = 2
RECORD = "metrics.json"
PAIRS = "per_pair.csv"
FRAMES = "per_frame.csv"


def metrics_record(
    evaluation: Evaluation, dataset: Dataset, *, protocol: Mapping[str, Any]
) -> dict[str, Any]:
    """Build the content of ``metrics.json``; fractions in [0, 1], null where absent.

    Args:
        evaluation: The scores.
        dataset: The data set that was judged on.
        protocol: How the scores were made, as plain JSON values.
    """
    extra = evaluation.extra()
    sizes = {
        "sizes": _shown_sizes(clip.size for clip in evaluation.clips),
        "flow_sizes": extra.pop("flow_sizes", []),
    }
    return {
        "schema": KIND,
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset.name,
        "protocol": dict(protocol) | sizes,
        "totals": evaluation.totals(),
        "counts": evaluation.counts(),
        "per_class": [
            {"id": entry.id, "name": entry.name, **evaluation.per_class(entry.id)}
            for entry in sorted(dataset.classes, key=lambda entry: entry.id)
        ],
        "per_clip": [_clip_record(clip) for clip in evaluation.clips],
        "strays": [
            {"clip": clip.clip.id, **clip.strays} for clip in evaluation.clips if clip.strays
        ],
        **extra,
    }


class ClipTables:
    """Writes ``per_pair.csv`` and ``per_frame.csv`` clip by clip, for jitter curves and pictures.

    A cell is empty where nothing could be counted. The files appear when the context ends well;
    a table without a column is not written.

    Args:
        folder: Where the files go.
        groups: The metric groups, which name the columns.
    """

    def __init__(self, folder: Path, groups: Iterable[MetricGroup]) -> None:
        columns = [group.columns() for group in groups]
        self._pair_columns = [name for part in columns for name in part.pairs]
        self._frame_columns = [name for part in columns for name in part.frames]
        self._folder = folder
        self._stack = ExitStack()
        self._pairs: Any = None
        self._frames: Any = None

    def __enter__(self) -> ClipTables:
        if self._pair_columns:
            head = ["clip", "index", "frame", "next_frame", *self._pair_columns]
            self._pairs = self._open(PAIRS, head)
        if self._frame_columns:
            self._frames = self._open(FRAMES, ["clip", "index", "frame", *self._frame_columns])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, clip: Clip, rows: ClipRows) -> None:
        """Write the rows of a clip."""
        names = clip.frame_names
        for index, values in rows.pairs.items():
            place = [clip.id, index, names[index], names[index + 1]]
            self._pairs.writerow(place + _cells(values, self._pair_columns))
        for index, values in rows.frames.items():
            self._frames.writerow(
                [clip.id, index, names[index], *_cells(values, self._frame_columns)]
            )

    def _open(self, name: str, head: Sequence[str]) -> Any:
        path = self._stack.enter_context(atomic_path(self._folder / name))
        stream = self._stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        return writer


def _cells(values: Mapping[str, Value], columns: Sequence[str]) -> list[str]:
    found = [values.get(column) for column in columns]
    return ["" if value is None else repr(value) for value in found]


def _shown_sizes(sizes: Iterable[tuple[int, int] | None]) -> list[str]:
    return [f"{width}x{height}" for height, width in sorted({size for size in sizes if size})]


def _clip_record(scores: ClipScores) -> dict[str, Any]:
    clip = scores.clip
    return {"id": clip.id, "split": clip.split, "frames": len(clip.frames), **scores.values}
