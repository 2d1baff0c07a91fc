"""Training runs: losses, validation scores and rates over the steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.errors import InputError
from vstc.report.blocks import Block, Cell, Chart, Charts, Legend, Note, Section, Table
from vstc.report.charts import Series, line_chart
from vstc.report.numbers import amount, percent, plain
from vstc.report.sources import Source

HISTORY = "metrics.jsonl"
_TERM_NAMES = {
    "ce": "cross entropy",
    "tl": "temporal loss",
    "pf": "pairwise-frame distillation",
    "mf": "multi-frame distillation",
}


@dataclass(frozen=True)
class History:
    """What a training run wrote down: one record per logged step and per validation."""

    steps: tuple[dict[str, Any], ...]
    validations: tuple[dict[str, Any], ...]


def read_history(run: Path) -> History:
    """Read the ``metrics.jsonl`` of a run; a run without one has an empty history.

    Raises:
        InputError: A line is not JSON.
    """
    path = run / HISTORY
    if not path.is_file():
        return History(steps=(), validations=())
    records: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise InputError(f"{path}, line {number} is not JSON: {error}") from error
    return History(
        steps=tuple(record for record in records if record.get("event") == "step"),
        validations=tuple(record for record in records if record.get("event") == "validation"),
    )


def training_section(sources: Sequence[Source]) -> Section:
    """Show the runs beside one another."""
    histories = [(source, read_history(source.path)) for source in sources]
    legend = Legend(entries=tuple((source.name, source.color) for source in sources))
    blocks: list[Block] = [_facts(histories)]
    charts = _validation_charts(histories) + _loss_charts(histories)
    if charts:
        blocks.append(Charts(charts=tuple(charts), title="Curves", legend=legend))
    rates = _rate_charts(histories)
    if rates:
        blocks.append(Charts(charts=tuple(rates), title="Rate and schedule", legend=legend))
    for source, history in histories:
        if not history.validations:
            blocks.append(Note(f"{source.name} was not validated while it was trained."))
    return Section(anchor="training", title="Training", blocks=tuple(blocks))


def _facts(histories: Sequence[tuple[Source, History]]) -> Table:
    rows = []
    for source, history in histories:
        metrics = source.metrics
        last = history.steps[-1]["step"] if history.steps else None
        rows.append(
            (
                Cell(source.name, color=source.color),
                Cell(plain(source.config.get("model"))),
                Cell(amount(metrics.get("parameters"))),
                Cell(amount(last)),
                Cell(percent(metrics.get("best_miou"))),
                Cell(percent(metrics.get("tc"))),
                Cell(amount(metrics.get("images_per_second"))),
            )
        )
    columns = ("Run", "Model", "Parameters", "Steps", "Best mIoU", "TC", "Images/s")
    return Table(columns=columns, rows=tuple(rows))


def _validation_charts(histories: Sequence[tuple[Source, History]]) -> list[Chart]:
    charts = []
    for key, title in (("miou", "Validation mIoU"), ("tc", "Validation TC")):
        series = _series(
            histories, lambda history: history.validations, _percent_of(key), is_marked=True
        )
        if series:
            charts.append(_chart(title, series, y_label="%"))
    return charts


def _loss_charts(histories: Sequence[tuple[Source, History]]) -> list[Chart]:
    terms = dict.fromkeys(
        term for _, history in histories for step in history.steps for term in step.get("terms", {})
    )
    charts = []
    total = _series(histories, lambda history: history.steps, lambda step: step.get("loss"))
    if total:
        charts.append(_chart("Loss", total, y_label="loss", lowest=0.0))
    for term in terms:

        def value(step: dict[str, Any], term: str = term) -> float | None:
            found: float | None = step.get("terms", {}).get(term)
            return found

        series = _series(histories, lambda history: history.steps, value)
        if series and len(terms) > 1:
            title = f"Loss: {_TERM_NAMES.get(term, term)}"
            charts.append(_chart(title, series, y_label=term, lowest=0.0))
    return charts


def _rate_charts(histories: Sequence[tuple[Source, History]]) -> list[Chart]:
    charts = []
    for key, title, unit in (
        ("images_per_second", "Images per second", "images/s"),
        ("lr", "Learning rate", "rate"),
    ):

        def value(step: dict[str, Any], key: str = key) -> float | None:
            found: float | None = step.get(key)
            return found

        series = _series(histories, lambda history: history.steps, value)
        if series:
            charts.append(_chart(title, series, y_label=unit, lowest=0.0))
    waiting = _series(histories, lambda history: history.steps, _percent_of("data_wait_share"))
    if waiting:
        charts.append(_chart("Time spent waiting for data", waiting, y_label="%", lowest=0.0))
    return charts


def _series(
    histories: Sequence[tuple[Source, History]],
    records_of: Callable[[History], Iterable[dict[str, Any]]],
    value_of: Callable[[dict[str, Any]], float | None],
    *,
    is_marked: bool = False,
) -> list[Series]:
    """Collect one line per run; runs without a single value are left out."""
    series = []
    for source, history in histories:
        points = [(float(record["step"]), value_of(record)) for record in records_of(history)]
        if any(value is not None for _, value in points):
            x, y = zip(*points, strict=True)
            series.append(Series(source.name, source.color, y=y, x=x, is_marked=is_marked))
    return series


def _percent_of(key: str) -> Callable[[dict[str, Any]], float | None]:
    def value(record: dict[str, Any]) -> float | None:
        found = record.get(key)
        return None if found is None else 100.0 * float(found)

    return value


def _chart(
    title: str, series: Sequence[Series], *, y_label: str, lowest: float | None = None
) -> Chart:
    names = ", ".join(line.name for line in series)
    svg = line_chart(
        series,
        x_label="step",
        y_label=y_label,
        label=f"{title} over the steps: {names}",
        y_limits=(lowest, None),
    )
    return Chart(title=title, svg=svg)
