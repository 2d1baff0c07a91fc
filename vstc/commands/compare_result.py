"""How the result of ``vstc evaluate compare`` is shown: scores, ranks and claims."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table

from vstc.evaluation.compare.claims import claims, interval_text
from vstc.evaluation.compare.comparison import RANKED, Comparison
from vstc.evaluation.compare.tables import best_texts
from vstc.evaluation.score_names import score_name, write_change, write_score


def tables(comparison: Comparison) -> Group:
    """Show all scores with their changes, the ranks, and what may be said."""
    reference, settings = comparison.reference, comparison.settings
    head = f"{reference.record['dataset']}, {len(reference.clip_ids)} clips, shares in percent"
    parts: list[RenderableType] = [
        f"{head}; changes are to {reference.name}, intervals of {100 * settings.level:g} %",
        _scores(comparison),
    ]
    if comparison.ranks is not None:
        parts.append(_ranks(comparison))
    return Group(*parts, *claims(comparison))


def _scores(comparison: Comparison) -> Table:
    table = Table("score")
    for run in comparison.runs:
        table.add_column(run.name, justify="right")
    for key in comparison.keys:
        best = best_texts(comparison, key)
        cells = []
        for number, run in enumerate(comparison.runs):
            text = write_score(key, run.scores().get(key))
            mark = "*" if text in best else ""
            cells.append(f"{text}{mark}{_change(comparison, number, key)}")
        table.add_row(score_name(key).label, *cells)
    table.caption = "* best"
    return table


def _change(comparison: Comparison, number: int, key: str) -> str:
    found = comparison.differences[number].get(key)
    if found is None:
        return ""
    interval = interval_text(key, found)
    return f"\n{write_change(key, found.change)}{' ' if interval else ''}{interval}"


def _ranks(comparison: Comparison) -> Table:
    assert comparison.ranks is not None
    table = Table("run")
    for place, key in enumerate(RANKED, start=1):
        table.add_column(score_name(key).label, justify="right")
        table.add_column(f"r{place}", justify="right")
    for name in ("sum", "R"):
        table.add_column(name, justify="right")
    for run, ranks in zip(comparison.runs, comparison.ranks, strict=True):
        cells: list[str] = []
        for place, key in enumerate(RANKED):
            part = ranks.parts[place] if ranks.parts else None
            cells += [write_score(key, run.scores().get(key)), write_score("r", part)]
        table.add_row(run.name, *cells, write_score("r", ranks.total), write_score("r", ranks.r))
    return table
