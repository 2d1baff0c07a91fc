"""What was trained to repair carried results: refiners, and layers that merge two networks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from vstc.report.blocks import Block, Cell, Chart, Charts, Legend, Note, Section, Table
from vstc.report.charts import Series, line_chart
from vstc.report.colors import paler
from vstc.report.numbers import ABSENT, amount, percent, percent_change
from vstc.report.sources import REFINER, Source
from vstc.report.training import (
    History,
    loss_charts,
    percent_of,
    rate_charts,
    read_history,
    series_of,
    step_chart,
)

# What a run is measured against: key in its log, and in words.
_WITHOUT_REFINER = ("miou_warped", "carried alone")
_WITHOUT_MERGE = ("miou_mean", "mean of both")
_AT = re.compile(r"miou_at_(\d+)")


@dataclass(frozen=True)
class _Run:
    """A training with its log.

    Attributes:
        source: The artifact, with a colour of its own in this section.
        history: Its log.
        best: The validation of its best weights; empty without one.
    """

    source: Source
    history: History
    best: Mapping[str, Any]

    @property
    def without(self) -> tuple[str, str]:
        """Key and name of what it is measured against."""
        return _WITHOUT_REFINER if self.source.kind == REFINER else _WITHOUT_MERGE

    @property
    def distances(self) -> list[int]:
        """Frames from the key frame at which it was measured."""
        found = (_AT.fullmatch(key) for key in self.best)
        return sorted(int(match[1]) for match in found if match)


def refiners_section(sources: Sequence[Source]) -> Section:
    """Show the trainings beside one another, each beside what it is to improve."""
    runs = [_read(replace(source, run=number)) for number, source in enumerate(sources)]
    histories = [(run.source, run.history) for run in runs]
    blocks: list[Block] = [_facts(runs)]
    validated = [run for run in runs if run.history.validations]
    charts = [chart for chart in (_validation(validated), _by_distance(validated)) if chart]
    if charts:
        blocks.append(Charts(charts=tuple(charts), title="Validation", legend=_legend(validated)))
    own = Legend(entries=tuple((run.source.name, run.source.color) for run in runs))
    for title, more in (
        ("Losses", loss_charts(histories)),
        ("Rate and schedule", rate_charts(histories)),
    ):
        if more:
            blocks.append(Charts(charts=tuple(more), title=title, legend=own))
    for run in runs:
        if not run.history.validations:
            blocks.append(Note(f"{run.source.name} was not validated while it was trained."))
    return Section(
        anchor="refiners",
        title="Training of refiners",
        lead="Networks that repair or merge what was carried from a key frame, each beside what "
        "there is without it.",
        blocks=tuple(blocks),
    )


def _read(source: Source) -> _Run:
    history = read_history(source.path)
    step = source.metrics.get("best_step")
    best = [line for line in history.validations if line.get("step") == step]
    return _Run(source, history, best[-1] if best else {})


def _facts(runs: Sequence[_Run]) -> Table:
    columns = ("Run", "Of", "Parameters", "Steps", "Best mIoU", "Without", "Gain", "Images/s")
    return Table(columns=columns, rows=tuple(_row(run) for run in runs))


def _row(run: _Run) -> tuple[Cell, ...]:
    metrics, (key, name) = run.source.metrics, run.without
    own, without = run.best.get("miou", metrics.get("best_miou")), run.best.get(key)
    gain = ABSENT if own is None or without is None else percent_change(own, without)
    network = next((r for r in run.source.manifest["inputs"] if r["role"] == "checkpoint"), None)
    return (
        Cell(run.source.name, color=run.source.color),
        Cell(PurePosixPath(network["path"]).name if network else ABSENT, is_prose=True),
        Cell(amount(metrics.get("parameters"))),
        Cell(amount(metrics.get("steps"))),
        Cell(percent(own)),
        Cell(percent(without), note="" if without is None else name),
        Cell(gain),
        Cell(amount(metrics.get("images_per_second"))),
    )


def _validation(runs: Sequence[_Run]) -> Chart | None:
    series: list[Series] = []
    for run in runs:
        key, name = run.without
        pair = [(run.source, run.history)]
        own = series_of(pair, lambda h: h.validations, percent_of("miou"), is_marked=True)
        other = series_of(pair, lambda h: h.validations, percent_of(key), is_marked=True)
        series += [*(_as_without(line, name) for line in other), *own]
    return step_chart("Validation mIoU", series, y_label="%") if series else None


def _by_distance(runs: Sequence[_Run]) -> Chart | None:
    series: list[Series] = []
    for run in runs:
        key, name = run.without
        x = tuple(float(distance) for distance in run.distances)
        if x:
            values = {k: _at_distances(run, k) for k in ("miou", key)}
            line = Series(run.source.name, run.source.color, y=values["miou"], x=x, is_marked=True)
            series += [_as_without(replace(line, y=values[key]), name), line]
    if not series:
        return None
    names = ", ".join(line.name for line in series)
    svg = line_chart(
        series,
        x_label="frames from the key frame",
        y_label="%",
        label=f"mIoU by the distance from the key frame: {names}",
    )
    return Chart(title="mIoU by the distance from the key frame", svg=svg, note="of the best step")


def _at_distances(run: _Run, key: str) -> tuple[float | None, ...]:
    values = [run.best.get(f"{key}_at_{distance}") for distance in run.distances]
    return tuple(None if value is None else 100 * float(value) for value in values)


def _as_without(line: Series, name: str) -> Series:
    return replace(line, name=f"{line.name}, {name}", color=paler(line.color))


def _legend(runs: Sequence[_Run]) -> Legend:
    entries: list[tuple[str, str]] = []
    for run in runs:
        color, (_, name) = run.source.color, run.without
        entries += [(run.source.name, color), (f"{run.source.name}, {name}", paler(color))]
    return Legend(entries=tuple(entries))
