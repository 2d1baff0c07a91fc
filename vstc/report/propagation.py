"""Propagated runs and measured rates: what was done, how fast that is, and at what accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vstc.errors import InputError
from vstc.evaluation.compare.runs import ComparedRun
from vstc.evaluation.run import read_record
from vstc.propagation.measuring.artifact import read_rates, title
from vstc.propagation.measuring.operating_points import changed_keys, operating_point
from vstc.propagation.presets import PRESETS
from vstc.report.blocks import Block, Cell, Chart, Charts, Note, Section, Table
from vstc.report.comparedruns import label_runs
from vstc.report.numbers import ABSENT, amount, plain
from vstc.report.rates import open_rates
from vstc.report.sources import CHECKPOINT, METRICS, PREDICTIONS, RATES, Source
from vstc.report.tradeoff import find_tradeoff, tradeoff_chart

_RATE_COLUMNS = {
    "Frames/s": "frames_per_second",
    "× every frame": "times_per_frame_rate",
    "Bound": "bound",
    "Of bound": "share_of_bound",
    "p50 ms": "latency_p50_ms",
    "p95 ms": "latency_p95_ms",
    "Network ms": "network_ms",
    "Flow ms": "flow_ms",
}
_RUN_COLUMNS = {
    "Frames": "frames",
    "Key frames": "key_frames",
    "Refined": "refined_frames",
    "Frames/s": "frames_per_second",
}


def propagation_section(sources: Sequence[Source]) -> Section | None:
    """Show propagated runs, rates, and accuracy over rate; None where there are none of them."""
    runs = [s for s in sources if s.kind == PREDICTIONS and s.config.get("propagation")]
    rates = [source for source in sources if source.kind == RATES]
    if not runs and not rates:
        return None
    blocks: list[Block] = [*_figures(sources)] if rates else []
    if runs:
        blocks.append(_runs_table(runs))
    blocks += [_rates_table(source) for source in rates]
    return Section(
        anchor="propagation",
        title="Propagation",
        lead="Key frames are segmented, and their labels are carried along the flow.",
        blocks=tuple(blocks),
    )


def _figures(sources: Sequence[Source]) -> list[Block]:
    """Draw accuracy over rate, a chart for each data set; say which runs have no rate."""
    try:
        rates = open_rates(sources)
    except InputError as error:
        return [Note(f"No picture of accuracy over rate: {error.message}.")]
    by_dataset: dict[str, list[ComparedRun]] = {}
    blocks: list[Block] = []
    for source in sources:
        if source.kind == METRICS and (source.input(PREDICTIONS) or source.input(CHECKPOINT)):
            record, found = read_record(source.path), rates.of(source)
            run = ComparedRun(source.name, record, rate=found.rate)
            by_dataset.setdefault(str(record["dataset"]), []).append(run)
            if found.rate is None:
                blocks.append(Note(f"{source.name} has no rate: {found.reason}."))
    charts = [
        chart for name, runs in by_dataset.items() if (chart := _figure(name, runs)) is not None
    ]
    if charts:
        caption = (
            "No other run beats those on the line in both. TC is higher than deserved where "
            "labels were carried."
        )
        blocks.insert(0, Charts(charts=tuple(charts), caption=caption, is_large=True))
    return blocks


def _figure(dataset: str, runs: Sequence[ComparedRun]) -> Chart | None:
    rated = label_runs([run for run in runs if run.rate], named=())
    tradeoff = find_tradeoff(rated) if rated else None
    if tradeoff is None:
        return None
    points = ", ".join(f"{p.name} {p.y:.1f} at {amount(p.x)}" for p in tradeoff.points)
    text = f"mIoU over frames per second on {dataset}: {points}"
    svg = tradeoff_chart(tradeoff, label=text)
    return Chart(title=f"Accuracy over frame rate on {dataset}", svg=svg)


def _runs_table(runs: Sequence[Source]) -> Table:
    return Table(
        columns=("Run", "Operating point", "Key every", "Flow", *_RUN_COLUMNS),
        rows=tuple(_run_row(source) for source in runs),
        title="Propagated runs",
        caption="Frames per second are those of the run itself, with whatever ran beside it.",
    )


def _run_row(source: Source) -> tuple[Cell, ...]:
    config: Mapping[str, Any] = source.config["propagation"]
    return (
        Cell(source.name, color=source.color),
        Cell(_point(config)),
        Cell(plain(config.get("interval"))),
        Cell(plain(config.get("flow_method"))),
        *(Cell(amount(source.metrics.get(key))) for key in _RUN_COLUMNS.values()),
    )


def _point(config: Mapping[str, Any]) -> str:
    """Name a preset, and what differs from it."""
    name, settings = str(config.get("preset") or ABSENT), operating_point(config)
    if settings is None or name not in PRESETS:
        return name
    changed = changed_keys(settings, PRESETS[name])
    return f"{name} but for {', '.join(changed)}" if changed else name


def _rates_table(source: Source) -> Table:
    record = read_rates(source.path)
    rows = []
    for row in record["rows"]:
        cells = [Cell(amount(row.get(key))) for key in _RATE_COLUMNS.values()]
        rows.append((Cell(row["name"]), Cell(amount(row.get("interval"))), *cells))
    return Table(
        columns=("Operating point", "Key every", *_RATE_COLUMNS),
        rows=tuple(rows),
        title=f"Rates: {source.name}",
        caption=f"{title(record)}. {_sentence(record['verdict'])}",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ABSENT
