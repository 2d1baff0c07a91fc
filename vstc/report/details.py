"""The scores in detail: frame by frame, class by class, clip by clip, and the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vstc.evaluation.score_names import score_name
from vstc.report.blocks import Block, Cell, Chart, Charts, Legend, Section, Table
from vstc.report.charts import Series, bar_chart, line_chart
from vstc.report.confusion import confusion_blocks
from vstc.report.contests import Contest
from vstc.report.definitions import full_label
from vstc.report.lows import lowest_pairs
from vstc.report.numbers import amount, plain
from vstc.report.others import flat
from vstc.report.results import score_cell
from vstc.report.scores import PairScore, RunScores

_CLIPS_DRAWN = 6
_CLIPS_LISTED = 200
_CLASSES_DRAWN = 40
_DIPS_RINGED = 3
_LEAST_DIP = 0.01
# Columns of ``per_class`` that are drawn, with the score that says how.
_CLASS_BARS = {"iou": "miou"} | {
    name: name for name in ("tc", "tsb", "area_flicker", "boundary_f", "ap")
}
_CLIP_COLUMNS = ("miou", "tc", "tsb", "jitter", "mean_best_iou")


def details_sections(contests: Sequence[Contest]) -> list[Section]:
    """Build the sections on consistency, classes and clips, those that have something to say."""
    parts = (
        ("consistency", "Consistency frame by frame", _consistency),
        ("classes", "Per class", _classes),
        ("clips", "Clips and protocol", _clips),
    )
    sections = []
    for anchor, title, build in parts:
        blocks: list[Block] = []
        for contest in contests:
            blocks += build(contest.runs, f" ({contest.title})" if len(contests) > 1 else "")
        if blocks:
            sections.append(Section(anchor=anchor, title=title, blocks=tuple(blocks)))
    return sections


def _consistency(runs: Sequence[RunScores], where: str) -> list[Block]:
    """Show how much of each frame keeps its label in the next one."""
    lengths = {clip: len(pairs) for run in runs for clip, pairs in run.pairs.items()}
    clips = [clip for clip in lengths if any(_is_known(run, clip) for run in runs)]
    if not clips:
        return []
    longest = sorted(clips, key=lambda clip: -lengths[clip])[:_CLIPS_DRAWN]
    charts = tuple(_jitter_chart(runs, clip) for clip in clips if clip in longest)
    caption = "Share of the pixels that keep their label in the next frame, moved along the flow. "
    caption += (
        "Dips are flicker, the deepest are ringed: a steady model draws a high and flat line."
    )
    if any("jitter" in chart.note for chart in charts):
        caption += " Jitter is the standard deviation of the line, in points."
    if len(charts) < len(clips):
        caption += f" The {len(charts)} longest of {len(clips)} clips."
    title = where.strip(" ()")
    legend = _legend(runs)
    return [Charts(charts=charts, title=title, caption=caption, legend=legend, is_large=True)]


def _classes(runs: Sequence[RunScores], where: str) -> list[Block]:
    """Show scores per class as bars, IoU as a table, and which classes are mixed up."""
    names = list(dict.fromkeys(str(entry["name"]) for run in runs for entry in run.classes))
    drawn = names[:_CLASSES_DRAWN]
    charts = []
    tables: list[Block] = []
    for column in _CLASS_BARS:
        values = {run.name: _by_class(run, column) for run in runs}
        if any(value is not None for known in values.values() for value in known.values()):
            charts.append(_class_chart(column, runs, drawn, values))
            if column == "iou":
                tables.append(_class_table(runs, names, values, where))
    if not charts:
        return []
    caption = ""
    if len(drawn) < len(names):
        caption = f"The first {len(drawn)} of {len(names)} classes; the table lists all."
    legend, title = _legend(runs), where.strip(" ()")
    bars = Charts(charts=tuple(charts), title=title, legend=legend, caption=caption)
    return [bars, *tables, *confusion_blocks(runs, where)]


def _clips(runs: Sequence[RunScores], where: str) -> list[Block]:
    """List scores per clip, run by run, and the protocol."""
    clips = list(dict.fromkeys(str(entry["id"]) for run in runs for entry in run.clips))
    tables = [_clip_table(runs, clips, where), _protocol_table(runs, where)]
    return [table for table in tables if table.rows]


def _legend(runs: Sequence[RunScores]) -> Legend:
    return Legend(entries=tuple((run.name, run.color) for run in runs))


def _is_known(run: RunScores, clip: str) -> bool:
    return any(pair.accuracy is not None for pair in run.pairs.get(clip, ()))


def _jitter_chart(runs: Sequence[RunScores], clip: str) -> Chart:
    series, jitters = [], []
    for run in runs:
        pairs = run.pairs.get(clip, ())
        if pairs:
            places = tuple(float(pair.index) for pair in pairs)
            values = tuple(_percent(pair.accuracy) for pair in pairs)
            rings = _deepest_dips(pairs)
            series.append(Series(run.name, run.color, y=values, x=places, rings=rings))
        jitter = next((c.get("jitter") for c in run.clips if str(c["id"]) == clip), None)
        if jitter is not None:
            jitters.append(f"{run.name} {100 * jitter:.2f}")
    svg = line_chart(
        series,
        x_label="frame",
        y_label="agreement, %",
        label=f"Agreement of neighbouring frames in clip {clip}",
    )
    note = f"jitter: {', '.join(jitters)}" if jitters else ""
    return Chart(title=f"Clip {clip}", svg=svg, note=note)


def _deepest_dips(pairs: Sequence[PairScore]) -> tuple[int, ...]:
    lows = lowest_pairs({"": pairs}, count=_DIPS_RINGED, least_drop=_LEAST_DIP)
    deepest = {low.index for low in lows}
    return tuple(place for place, pair in enumerate(pairs) if pair.index in deepest)


def _class_chart(
    column: str,
    runs: Sequence[RunScores],
    names: Sequence[str],
    values: Mapping[str, Mapping[str, float | None]],
) -> Chart:
    """Draw bars per class; scores where high is good reach to 100 %."""
    key = _CLASS_BARS[column]
    shown = score_name(key)
    label = "IoU" if column == "iou" else full_label(key, runs)
    scale = 100.0 if shown.is_share else 1.0
    series = []
    for run in runs:
        known = (values[run.name].get(name) for name in names)
        bars = tuple(None if value is None else scale * value for value in known)
        series.append(Series(run.name, run.color, bars))
    svg = bar_chart(
        names,
        series,
        x_label=f"{label} in %" if shown.is_share else label,
        label=f"{label} per class",
        is_to_100=shown.is_share and not shown.is_better_low,
    )
    note = "lower is better" if shown.is_better_low else ""
    return Chart(title=f"{label} per class", svg=svg, note=note)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _by_class(run: RunScores, key: str) -> dict[str, float | None]:
    return {str(entry["name"]): entry.get(key) for entry in run.classes}


def _class_table(
    runs: Sequence[RunScores],
    names: Sequence[str],
    values: Mapping[str, Mapping[str, Any]],
    where: str,
) -> Table:
    rows = []
    for name in names:
        scores = [{"miou": values[run.name].get(name)} for run in runs]
        rows.append((Cell(name), *(score_cell("miou", own, scores) for own in scores)))
    columns = ("Class", *(run.name for run in runs))
    return Table(columns=columns, rows=tuple(rows), title=f"IoU per class in %{where}")


def _clip_table(runs: Sequence[RunScores], clips: Sequence[str], where: str) -> Table:
    found = [{str(entry["id"]): entry for entry in run.clips} for run in runs]
    entries = [entry for known in found for entry in known.values()]
    keys = [key for key in _CLIP_COLUMNS if any(e.get(key) is not None for e in entries)]
    rows = []
    for clip in clips[:_CLIPS_LISTED]:
        scores = [known.get(clip, {}) for known in found]
        frames = next((entry.get("frames") for entry in scores if entry), None)
        cells = [Cell(clip), Cell(amount(frames))]
        for key in keys:
            cells += [score_cell(key, own, scores) for own in scores]
        rows.append(tuple(cells))
    columns = ["Clip", "Frames"]
    for key in keys:
        columns += [f"{full_label(key, runs)} {run.name}" for run in runs]
    caption = "Shares in percent."
    if len(clips) > _CLIPS_LISTED:
        caption += f" The first {_CLIPS_LISTED} of {len(clips)} clips."
    return Table(columns=tuple(columns), rows=tuple(rows), title=f"Clips{where}", caption=caption)


def _protocol_table(runs: Sequence[RunScores], where: str) -> Table:
    protocols = [dict(flat(run.protocol)) for run in runs]
    keys = dict.fromkeys(key for known in protocols for key in known)
    rows = [(Cell(key), *(Cell(plain(known.get(key))) for known in protocols)) for key in keys]
    return Table(
        columns=("Protocol", *(run.name for run in runs)),
        rows=tuple(rows),
        title=f"How the scores were made{where}",
        is_prose=True,
    )
