"""The scores in detail: frame by frame, class by class, clip by clip, and the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vstc.report.blocks import Block, Cell, Chart, Charts, Legend, Section, Table
from vstc.report.charts import Series, bar_chart, line_chart
from vstc.report.contests import Contest
from vstc.report.numbers import amount, plain
from vstc.report.others import flat
from vstc.report.results import HEADLINE, score_cell
from vstc.report.scores import RunScores, score

_CLIPS_DRAWN = 6
_CLIPS_LISTED = 200
_CLASSES_DRAWN = 40


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
    clips = list(dict.fromkeys(clip for run in runs for clip in run.pairs))
    if not clips:
        return []
    longest = sorted(clips, key=lambda clip: -max(len(run.pairs.get(clip, ())) for run in runs))
    drawn = [clip for clip in clips if clip in longest[:_CLIPS_DRAWN]]
    charts = tuple(Chart(title=f"Clip {clip}", svg=_jitter_curve(runs, clip)) for clip in drawn)
    caption = "Share of the pixels that keep their label in the next frame, moved along the flow. "
    caption += "Dips are flicker: a steady model draws a high and flat line."
    if len(drawn) < len(clips):
        caption += f" The {len(drawn)} longest of {len(clips)} clips."
    title = where.strip(" ()")
    legend = _legend(runs)
    return [Charts(charts=charts, title=title, caption=caption, legend=legend, is_large=True)]


def _classes(runs: Sequence[RunScores], where: str) -> list[Block]:
    """Show IoU and TC per class as bars, and IoU as a table."""
    names = list(dict.fromkeys(str(entry["name"]) for run in runs for entry in run.classes))
    drawn = names[:_CLASSES_DRAWN]
    charts = []
    tables: list[Block] = []
    for key, label in (("iou", "IoU"), ("tc", "TC")):
        values = {run.name: _by_class(run, key) for run in runs}
        if not any(value is not None for known in values.values() for value in known.values()):
            continue
        series = [
            Series(run.name, run.color, tuple(_percent(values[run.name].get(n)) for n in drawn))
            for run in runs
        ]
        svg = bar_chart(drawn, series, x_label=f"{label} in %", label=f"{label} per class")
        charts.append(Chart(title=f"{label} per class", svg=svg))
        if key == "iou":
            tables.append(_class_table(runs, names, values, where))
    if not charts:
        return []
    caption = ""
    if len(drawn) < len(names):
        caption = f"The first {len(drawn)} of {len(names)} classes; the table lists all."
    legend, title = _legend(runs), where.strip(" ()")
    return [Charts(charts=tuple(charts), title=title, legend=legend, caption=caption), *tables]


def _clips(runs: Sequence[RunScores], where: str) -> list[Block]:
    """List mIoU and TC per clip, run by run, and the protocol."""
    clips = list(dict.fromkeys(str(entry["id"]) for run in runs for entry in run.clips))
    tables = [_clip_table(runs, clips, where), _protocol_table(runs, where)]
    return [table for table in tables if table.rows]


def _legend(runs: Sequence[RunScores]) -> Legend:
    return Legend(entries=tuple((run.name, run.color) for run in runs))


def _jitter_curve(runs: Sequence[RunScores], clip: str) -> str:
    series = []
    for run in runs:
        pairs = run.pairs.get(clip, ())
        if pairs:
            places = tuple(float(pair.index) for pair in pairs)
            values = tuple(_percent(pair.accuracy) for pair in pairs)
            series.append(Series(run.name, run.color, y=values, x=places))
    return line_chart(
        series,
        x_label="frame",
        y_label="agreement, %",
        label=f"Agreement of neighbouring frames in clip {clip}",
    )


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
    rows = []
    for clip in clips[:_CLIPS_LISTED]:
        scores = [known.get(clip, {}) for known in found]
        frames = next((entry.get("frames") for entry in scores if entry), None)
        cells = [Cell(clip), Cell(amount(frames))]
        for key in HEADLINE:
            cells += [score_cell(key, own, scores) for own in scores]
        rows.append(tuple(cells))
    columns = ["Clip", "Frames"]
    for key in HEADLINE:
        columns += [f"{score(key).label} {run.name}" for run in runs]
    caption = ""
    if len(clips) > _CLIPS_LISTED:
        caption = f"The first {_CLIPS_LISTED} of {len(clips)} clips."
    return Table(
        columns=tuple(columns), rows=tuple(rows), title=f"Clips, in %{where}", caption=caption
    )


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
