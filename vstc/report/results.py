"""The scores of all runs beside one another: the headline and the table of totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vstc.evaluation.score_names import in_order, score_name
from vstc.report.blocks import Block, Cell, Note, Section, Table, Tile, Tiles
from vstc.report.contests import Contest
from vstc.report.definitions import definition, full_label
from vstc.report.numbers import ABSENT, amount, percent, percent_change, plain
from vstc.report.scores import RunScores

HEADLINE = ("miou", "tc", "ap")
_MOST_COLUMNS = 8
Totals = Mapping[str, Any]


def headline(contests: Sequence[Contest]) -> str:
    """Say in one sentence how the last run compares with the first; empty for a single run.

    Every score is taken from the first contest in which both runs have it.
    """
    parts: dict[tuple[str, str], list[str]] = {}
    for key in HEADLINE:
        contest = next((contest for contest in contests if contest.compares(key)), None)
        if contest is not None:
            first, last = contest.reference, contest.candidate
            label = full_label(key, (first, last))
            text = f"{label} {percent(last.totals[key])} vs {percent(first.totals[key])}"
            parts.setdefault((last.name, first.name), []).append(text)
    return "; ".join(
        f"{last} against {first}: {', '.join(texts)}" for (last, first), texts in parts.items()
    )


def results_section(contests: Sequence[Contest]) -> Section:
    """Show the totals of all runs, the best of each column marked."""
    blocks: list[Block] = [Tiles(_tiles(contests))]
    for contest in contests:
        blocks.append(_totals_table(contest, is_titled=len(contests) > 1))
        if contest.differing():
            keys = ", ".join(contest.differing())
            blocks.append(Note(f"The runs were judged by different protocols: {keys} differ."))
        blocks += _propagation_notes(contest)
    lead = f"Judged on {contests[0].title}." if len(contests) == 1 else ""
    return Section(anchor="results", title="Results", lead=lead, blocks=tuple(blocks))


def _propagation_notes(contest: Contest) -> list[Block]:
    """Warn of runs whose consistency is not earned."""
    return [
        Note(
            f"{run.name} was made by moving labels along flow ({plain(methods)}): its TC is "
            "higher than the labels deserve."
        )
        for run in contest.runs
        if (methods := run.protocol.get("propagated_with")) and run.totals.get("tc") is not None
    ]


def _tiles(contests: Sequence[Contest]) -> tuple[Tile, ...]:
    """Show scores of the last run large, with the difference to the first."""
    tiles = []
    for key in (*HEADLINE, "aacc"):
        having = [c for c in contests if c.candidate.totals.get(key) is not None]
        contest = next((c for c in having if c.compares(key)), having[0] if having else None)
        if contest is not None:
            tiles.append(_tile(key, contest.reference, contest.candidate))
    return tuple(tiles)


def _tile(key: str, first: RunScores, last: RunScores) -> Tile:
    value, reference = last.totals[key], first.totals.get(key)
    assert value is not None
    note = tone = ""
    if reference is not None and last is not first:
        note = f"{percent_change(value, reference)} to {first.name}"
        tone = _tone(key, value, reference)
    label = f"{full_label(key, (last,))} of {last.name}"
    return Tile(label=label, value=percent(value), note=note, tone=tone)


def _totals_table(contest: Contest, *, is_titled: bool) -> Table:
    """List few scores from left to right, and many from top to bottom."""
    runs = contest.runs
    keys = in_order(key for run in runs for key, value in run.totals.items() if value is not None)
    others = [full_label(key, runs) for key in keys if not score_name(key).is_share]
    caption = f"Shares in percent, but for {', '.join(others)}." if others else "Shares in percent."
    if len(runs) > 1:
        caption += f" Differences are to {runs[0].name}; the best value of a score is marked."
    title = contest.title if is_titled else ""
    if len(keys) > _MOST_COLUMNS:
        return _tall_table(keys, runs, title=title, caption=caption)
    told = (f"{full_label(key, runs)}: {definition(key)}." for key in keys if definition(key))
    return _wide_table(keys, runs, title=title, caption=" ".join((caption, *told)))


def _wide_table(
    keys: Sequence[str], runs: Sequence[RunScores], *, title: str, caption: str
) -> Table:
    totals = [run.totals for run in runs]
    rows = [
        (Cell(run.name, color=run.color), *(score_cell(key, run.totals, totals) for key in keys))
        for run in runs
    ]
    columns = ("Run", *(full_label(key, runs) for key in keys))
    return Table(columns=columns, rows=tuple(rows), title=title, caption=caption)


def _tall_table(
    keys: Sequence[str], runs: Sequence[RunScores], *, title: str, caption: str
) -> Table:
    totals = [run.totals for run in runs]
    rows = [
        (
            Cell(full_label(key, runs)),
            *(score_cell(key, own, totals) for own in totals),
            Cell(definition(key), is_prose=True),
        )
        for key in keys
    ]
    columns = ("Score", *(run.name for run in runs), "")
    return Table(columns=columns, rows=tuple(rows), title=title, caption=caption)


def score_cell(key: str, totals: Totals, all_totals: Sequence[Totals]) -> Cell:
    """Write a score with its difference to the first run, marked when it is the best.

    Scores that read the same are the same: no one is best by a digit that is not shown.

    Args:
        key: Name of the score.
        totals: Scores of this run.
        all_totals: Scores of all runs, the reference first.
    """
    value, reference = totals.get(key), all_totals[0].get(key)
    if value is None:
        return Cell(ABSENT)
    shown = score_name(key)
    write = percent if shown.is_share else amount
    known = [other[key] for other in all_totals if other.get(key) is not None]
    best = write(min(known) if shown.is_better_low else max(known))
    note = tone = ""
    if reference is not None and totals is not all_totals[0]:
        change = percent_change(value, reference)
        note = change if shown.is_share else f"{value - reference:+.3g}".replace("-", "−")
        tone = _tone(key, value, reference)
    is_contested = not shown.is_neutral and len({write(other) for other in known}) > 1
    return Cell(write(value), note=note, tone=tone, is_best=is_contested and write(value) == best)


def _tone(key: str, value: float, reference: float) -> str:
    if score_name(key).is_neutral or abs(value - reference) < 5e-4:
        return ""
    return "good" if (value > reference) != score_name(key).is_better_low else "bad"
