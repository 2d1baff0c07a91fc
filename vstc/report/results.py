"""The scores of all runs beside one another: totals, classes, clips and jitter curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vstc.report.blocks import (
    Block,
    Cell,
    Chart,
    Charts,
    Legend,
    Note,
    Section,
    Table,
    Tile,
    Tiles,
)
from vstc.report.charts import Series, bar_chart, line_chart
from vstc.report.numbers import ABSENT, amount, percent, percent_change, plain
from vstc.report.others import flat
from vstc.report.scores import KNOWN_SCORES, RunScores, read_scores, score
from vstc.report.sources import Source

HEADLINE = ("miou", "tc")
_CLIPS_DRAWN = 6
_CLIPS_LISTED = 200
_CLASSES_DRAWN = 40


def read_runs(sources: Sequence[Source]) -> tuple[RunScores, ...]:
    """Read the scores; a run that was evaluated more than once is told apart by the folder."""
    count = Counter(source.name for source in sources)
    return tuple(
        read_scores(
            source,
            name=source.name if count[source.name] == 1 else f"{source.name} ({source.path.name})",
        )
        for source in sources
    )


def headline(runs: Sequence[RunScores]) -> str:
    """Say in one sentence how the last run compares with the first; empty for a single run."""
    if len(runs) < 2:
        return ""
    first, last = runs[0], runs[-1]
    parts = [
        f"{score(key).label} {percent(last.totals[key])} vs {percent(first.totals[key])}"
        for key in HEADLINE
        if first.totals.get(key) is not None and last.totals.get(key) is not None
    ]
    return f"{last.name} against {first.name}: {', '.join(parts)}" if parts else ""


def results_section(runs: Sequence[RunScores]) -> Section:
    """Show the totals of all runs, the best of each column marked."""
    blocks: list[Block] = [Tiles(_tiles(runs)), _totals_table(runs)]
    if len({run.dataset for run in runs}) > 1:
        blocks.append(Note("The runs were judged on different data sets."))
    differing = _differing(runs)
    if differing:
        keys = ", ".join(differing)
        blocks.append(Note(f"The runs were judged by different protocols: {keys} differ."))
    names = list(dict.fromkeys(run.dataset for run in runs if run.dataset))
    lead = f"Judged on {', '.join(names)}." if names else ""
    return Section(anchor="results", title="Results", lead=lead, blocks=tuple(blocks))


def consistency_section(runs: Sequence[RunScores]) -> Section | None:
    """Show how much of each frame keeps its label in the next one; None without pairs."""
    clips = list(dict.fromkeys(clip for run in runs for clip in run.pairs))
    if not clips:
        return None
    longest = sorted(clips, key=lambda clip: -max(len(run.pairs.get(clip, ())) for run in runs))
    drawn = [clip for clip in clips if clip in longest[:_CLIPS_DRAWN]]
    charts = tuple(Chart(title=f"Clip {clip}", svg=_jitter_curve(runs, clip)) for clip in drawn)
    caption = "Share of the pixels that keep their label in the next frame, moved along the flow. "
    caption += "Dips are flicker: a steady model draws a high and flat line."
    if len(drawn) < len(clips):
        caption += f" The {len(drawn)} longest of {len(clips)} clips."
    block = Charts(charts=charts, caption=caption, legend=_legend(runs))
    return Section(anchor="consistency", title="Consistency, frame by frame", blocks=(block,))


def classes_section(runs: Sequence[RunScores]) -> Section | None:
    """Show the scores per class; None when no run has any."""
    names = list(dict.fromkeys(str(entry["name"]) for run in runs for entry in run.classes))
    if not names:
        return None
    drawn = names[:_CLASSES_DRAWN]
    charts = []
    tables: list[Block] = []
    for key, label in (("iou", "IoU"), ("tc", "TC")):
        values = {run.name: _by_class(run, key) for run in runs}
        if not any(value is not None for known in values.values() for value in known.values()):
            continue
        series = [
            Series(
                run.name,
                run.color,
                y=tuple(_percent(values[run.name].get(name)) for name in drawn),
            )
            for run in runs
        ]
        svg = bar_chart(drawn, series, x_label=f"{label} in %", label=f"{label} per class")
        charts.append(Chart(title=f"{label} per class", svg=svg))
        if key == "iou":
            tables.append(_class_table(runs, names, values))
    caption = ""
    if len(drawn) < len(names):
        caption = f"The first {len(drawn)} of {len(names)} classes; the table lists all."
    blocks: list[Block] = []
    if charts:
        blocks.append(Charts(charts=tuple(charts), legend=_legend(runs), caption=caption))
    return Section(anchor="classes", title="Per class", blocks=(*blocks, *tables))


def clips_section(runs: Sequence[RunScores]) -> Section | None:
    """List mIoU and TC per clip, run by run, and the protocol; None when no run has clips."""
    blocks: list[Block] = []
    clips = list(dict.fromkeys(str(entry["id"]) for run in runs for entry in run.clips))
    if clips:
        blocks.append(_clip_table(runs, clips))
    protocol = _protocol_table(runs)
    if protocol.rows:
        blocks.append(protocol)
    if not blocks:
        return None
    return Section(anchor="clips", title="Per clip, and the protocol", blocks=tuple(blocks))


def _legend(runs: Sequence[RunScores]) -> Legend:
    return Legend(entries=tuple((run.name, run.color) for run in runs))


def _tiles(runs: Sequence[RunScores]) -> tuple[Tile, ...]:
    """Show the totals of the last run large, with the difference to the first."""
    first, last = runs[0], runs[-1]
    tiles = []
    for key in (*HEADLINE, "aacc"):
        value, reference = last.totals.get(key), first.totals.get(key)
        if value is None:
            continue
        label = f"{score(key).label} of {last.name}"
        note = tone = ""
        if reference is not None and len(runs) > 1:
            note = f"{percent_change(value, reference)} to {first.name}"
            tone = _tone(key, value, reference)
        tiles.append(Tile(label=label, value=percent(value), note=note, tone=tone))
    return tuple(tiles)


def _totals_table(runs: Sequence[RunScores]) -> Table:
    known = [*KNOWN_SCORES, *(key for run in runs for key in run.totals)]
    keys = [
        key for key in dict.fromkeys(known) if any(run.totals.get(key) is not None for run in runs)
    ]
    rows = [
        (
            Cell(run.name, color=run.color),
            *(_score_cell(key, run.totals, [other.totals for other in runs]) for key in keys),
        )
        for run in runs
    ]
    caption = "Shares in percent. "
    if len(runs) > 1:
        caption += f"Differences are to {runs[0].name}; the best value of a column is marked. "
    caption += _definitions(keys)
    return Table(
        columns=("Run", *(score(key).label for key in keys)), rows=tuple(rows), caption=caption
    )


def _definitions(keys: Sequence[str]) -> str:
    texts = {
        "miou": "mIoU: mean over classes of intersection over union.",
        "macc": "mAcc: mean over classes of the pixels found.",
        "aacc": "aAcc: pixels that are right.",
        "tc": "TC: mIoU of each frame with the next one, moved along the flow.",
    }
    return " ".join(texts[key] for key in keys if key in texts)


def _score_cell(
    key: str, totals: Mapping[str, Any], all_totals: Sequence[Mapping[str, Any]]
) -> Cell:
    value, reference = totals.get(key), all_totals[0].get(key)
    if value is None:
        return Cell(ABSENT)
    shown = score(key)
    known = [other[key] for other in all_totals if other.get(key) is not None]
    best = min(known) if shown.is_better_low else max(known)
    note = tone = ""
    if reference is not None and totals is not all_totals[0]:
        change = percent_change(value, reference)
        note = change if shown.is_share else f"{value - reference:+.3g}"
        tone = _tone(key, value, reference)
    text = percent(value) if shown.is_share else amount(value)
    is_best = key in KNOWN_SCORES and len(known) > 1 and value == best
    return Cell(text, note=note, tone=tone, is_best=is_best)


def _tone(key: str, value: float, reference: float) -> str:
    if key not in KNOWN_SCORES or abs(value - reference) < 5e-4:
        return ""
    return "good" if (value > reference) != score(key).is_better_low else "bad"


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
    runs: Sequence[RunScores], names: Sequence[str], values: Mapping[str, Mapping[str, Any]]
) -> Table:
    rows = []
    for name in names:
        scores = [{"miou": values[run.name].get(name)} for run in runs]
        rows.append((Cell(name), *(_score_cell("miou", own, scores) for own in scores)))
    columns = ("Class", *(run.name for run in runs))
    return Table(columns=columns, rows=tuple(rows), title="IoU per class, %")


def _clip_table(runs: Sequence[RunScores], clips: Sequence[str]) -> Table:
    found = [{str(entry["id"]): entry for entry in run.clips} for run in runs]
    rows = []
    for clip in clips[:_CLIPS_LISTED]:
        scores = [known.get(clip, {}) for known in found]
        frames = next((entry.get("frames") for entry in scores if entry), None)
        cells = [Cell(clip), Cell(amount(frames))]
        for key in HEADLINE:
            cells += [_score_cell(key, own, scores) for own in scores]
        rows.append(tuple(cells))
    columns = ["Clip", "Frames"]
    for key in HEADLINE:
        columns += [f"{score(key).label} {run.name}" for run in runs]
    caption = ""
    if len(clips) > _CLIPS_LISTED:
        caption = f"The first {_CLIPS_LISTED} of {len(clips)} clips."
    return Table(columns=tuple(columns), rows=tuple(rows), title="Clips, %", caption=caption)


def _protocol_table(runs: Sequence[RunScores]) -> Table:
    protocols = [dict(flat(run.protocol)) for run in runs]
    keys = dict.fromkeys(key for known in protocols for key in known)
    rows = [(Cell(key), *(Cell(plain(known.get(key))) for known in protocols)) for key in keys]
    return Table(
        columns=("Protocol", *(run.name for run in runs)),
        rows=tuple(rows),
        title="How the scores were made",
        is_prose=True,
    )


def _differing(runs: Sequence[RunScores]) -> list[str]:
    protocols = [dict(flat(run.protocol)) for run in runs]
    keys = dict.fromkeys(key for known in protocols for key in known)
    return [
        key for key in keys if any(known.get(key) != protocols[0].get(key) for known in protocols)
    ]
