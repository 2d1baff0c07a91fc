"""Training runs: losses, validation scores and rates over the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.report.blocks import Block, Cell, Chart, Charts, Legend, Note, Section, Table
from vstc.report.charts import Series, line_chart
from vstc.report.numbers import amount, percent, plain
from vstc.report.sources import Source
from vstc.training.log import read_log

_TERM_NAMES = {
    "ce": "cross entropy",
    "sf": "single-frame distillation",
    "pf": "pair-wise distillation",
    "mf": "multi-frame distillation",
    "tl": "temporal loss",
    "refiner": "refiner's own result",
    "refined": "refined result",
    "attention": "refiner's own result, doubted pixels first",
    "aux": "auxiliary heads",
}


@dataclass(frozen=True)
class History:
    """What a training run wrote down: one record per logged step and per validation."""

    steps: tuple[dict[str, Any], ...]
    validations: tuple[dict[str, Any], ...]


def read_history(run: Path) -> History:
    """Read the log of a run; a run without one has an empty history."""
    records = read_log(run)
    return History(
        steps=tuple(record for record in records if record.get("event") == "step"),
        validations=tuple(record for record in records if record.get("event") == "validation"),
    )


def training_section(sources: Sequence[Source]) -> Section:
    """Show the runs beside one another."""
    histories = [(source, read_history(source.path)) for source in sources]
    legend = Legend(entries=tuple((source.name, source.color) for source in sources))
    blocks: list[Block] = [_facts(histories)]
    charts = _validation_charts(histories) + loss_charts(histories)
    if charts:
        blocks.append(Charts(charts=tuple(charts), title="Curves", legend=legend))
    rates = rate_charts(histories)
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
                Cell(percent(metrics.get("best_tc", metrics.get("tc")))),
                Cell(amount(metrics.get("images_per_second"))),
            )
        )
    columns = ("Run", "Model", "Parameters", "Steps", "Best mIoU", "TC", "Images/s")
    return Table(columns=columns, rows=tuple(rows))


def _validation_charts(histories: Sequence[tuple[Source, History]]) -> list[Chart]:
    charts = []
    for key, title in (("miou", "Validation mIoU"), ("tc", "Validation TC")):
        series = series_of(
            histories, lambda history: history.validations, percent_of(key), is_marked=True
        )
        if series:
            charts.append(step_chart(title, series, y_label="%"))
    return charts


def loss_charts(histories: Sequence[tuple[Source, History]]) -> list[Chart]:
    """Draw the whole loss, every term of it, and the gradient norm of every term."""
    charts = []
    total = series_of(histories, lambda history: history.steps, lambda step: step.get("loss"))
    if total:
        charts.append(step_chart("Loss", total, y_label="loss", lowest=0.0))
    for group, title in (("terms", "Loss"), ("gradient_norms", "Gradient norm")):
        keys = dict.fromkeys(
            key for _, history in histories for step in history.steps for key in step.get(group, {})
        )
        for key in keys if group != "terms" or len(keys) > 1 else ():
            series = series_of(histories, lambda history: history.steps, _entry_of(group, key))
            if series:
                name = f"{title}: {_TERM_NAMES.get(key, key)}"
                charts.append(step_chart(name, series, y_label=key, lowest=0.0))
    return charts


def rate_charts(histories: Sequence[tuple[Source, History]]) -> list[Chart]:
    """Draw images per second, the learning rate, and the time spent waiting."""
    charts = []
    for key, title, unit in (
        ("images_per_second", "Images per second", "images/s"),
        ("lr", "Learning rate", "rate"),
    ):
        series = series_of(histories, lambda history: history.steps, _value_of(key))
        if series:
            charts.append(step_chart(title, series, y_label=unit, lowest=0.0))
    waiting = series_of(histories, lambda history: history.steps, percent_of("data_wait_share"))
    if waiting:
        charts.append(step_chart("Time spent waiting for data", waiting, y_label="%", lowest=0.0))
    return charts


def series_of(
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


def _value_of(key: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda record: record.get(key)


def _entry_of(group: str, key: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda record: record.get(group, {}).get(key)


def percent_of(key: str) -> Callable[[dict[str, Any]], float | None]:
    """Return what reads a share of a record in percent."""

    def value(record: dict[str, Any]) -> float | None:
        found = record.get(key)
        return None if found is None else 100.0 * float(found)

    return value


def step_chart(
    title: str, series: Sequence[Series], *, y_label: str, lowest: float | None = None
) -> Chart:
    """Draw lines over the steps of training."""
    names = ", ".join(line.name for line in series)
    svg = line_chart(
        series,
        x_label="step",
        y_label=y_label,
        label=f"{title} over the steps: {names}",
        y_limits=(lowest, None),
    )
    return Chart(title=title, svg=svg)
