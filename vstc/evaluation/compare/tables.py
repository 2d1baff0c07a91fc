"""A comparison as CSV, Markdown and LaTeX: a row per run, the reference first."""

from __future__ import annotations

from collections.abc import Sequence

from vstc.evaluation.compare.claims import claims, interval_text
from vstc.evaluation.compare.comparison import RANKED, Comparison
from vstc.evaluation.score_names import score_name, write_change, write_score
from vstc.evaluation.tables import CSV, LATEX, MARKDOWN, protocol_text
from vstc.formats.text_tables import Cell, Row, csv_table, latex_table, markdown_table
from vstc.metrics.ranking import Ranks


def comparison_files(comparison: Comparison) -> dict[str, bytes]:
    """Write all three tables, by file name."""
    tables = {CSV: comparison_csv(comparison), MARKDOWN: comparison_markdown(comparison)}
    tables[LATEX] = comparison_latex(comparison)
    return {name: text.encode() for name, text in tables.items()}


def comparison_csv(comparison: Comparison) -> str:
    """Write scores, their changes and intervals, and ranks, with every digit."""
    head = ["run"]
    for key in comparison.keys:
        head += [key, f"{key}_change", f"{key}_low", f"{key}_high"]
    if comparison.ranks:
        head += [*(f"rank_{key}" for key in RANKED), "rank_sum", "r"]
    rows = []
    for number, run in enumerate(comparison.runs):
        scores, differences = run.scores(), comparison.differences[number]
        row: list[str | float | None] = [run.name]
        for key in comparison.keys:
            found = differences.get(key)
            row.append(scores.get(key))
            row += [found.change, found.low, found.high] if found else [None] * 3
        if comparison.ranks:
            ranks = comparison.ranks[number]
            row += [*(ranks.parts or [None] * len(RANKED)), ranks.total, ranks.r]
        rows.append(row)
    return csv_table(head, rows)


def comparison_markdown(comparison: Comparison) -> str:
    """Write the runs, their changes with intervals, and what may be said of them."""
    parts = [markdown_table(_head(comparison), _rows(comparison))]
    changes = _changes(comparison)
    if changes:
        head = ("run", "score", "change", "interval", "clips")
        parts.append(markdown_table(head, changes, num_texts=2))
    parts.append("".join(f"- {claim}\n" for claim in claims(comparison)))
    parts.append(f"{_caption(comparison)}\n")
    return "\n".join(part for part in parts if part)


def comparison_latex(comparison: Comparison) -> str:
    """Write the runs as a ``tabular`` for booktabs; how they were judged is a comment."""
    table = latex_table(_head(comparison), _rows(comparison), rule_after=1)
    return f"% {' '.join(_caption(comparison).split())}\n{table}"


def _head(comparison: Comparison) -> list[str]:
    ranks = ["R"] if comparison.ranks else []
    return ["run", *(score_name(key).label for key in comparison.keys), *ranks]


def _rows(comparison: Comparison) -> list[Row]:
    rows: list[Row] = []
    for number, run in enumerate(comparison.runs):
        scores = run.scores()
        cells: list[Cell | str] = [run.name]
        for key in comparison.keys:
            text = write_score(key, scores.get(key))
            cells.append(Cell(text, is_bold=text in best_texts(comparison, key)))
        if comparison.ranks:
            cells.append(_rank(comparison.ranks[number], comparison.ranks))
        rows.append(cells)
    return rows


def best_texts(comparison: Comparison, key: str) -> set[str]:
    """Return how the best value of a score reads; nothing when all read the same."""
    shown = score_name(key)
    known = [v for run in comparison.runs if (v := run.scores().get(key)) is not None]
    texts = {write_score(key, value) for value in known}
    if shown.is_neutral or len(texts) < 2:
        return set()
    return {write_score(key, min(known) if shown.is_better_low else max(known))}


def _rank(ranks: Ranks, all_ranks: Sequence[Ranks]) -> Cell:
    places = {other.r for other in all_ranks if other.r is not None}
    text = write_score("r", ranks.r)
    return Cell(text, is_bold=ranks.r == 1 and len(places) > 1)


def _changes(comparison: Comparison) -> list[Row]:
    return [
        (
            run.name,
            score_name(key).label,
            write_change(key, found.change),
            interval_text(key, found),
            "" if found.clips is None else str(found.clips),
        )
        for run, differences in zip(comparison.runs, comparison.differences, strict=True)
        for key, found in differences.items()
    ]


def _caption(comparison: Comparison) -> str:
    settings, reference = comparison.settings, comparison.reference
    ranks = (
        " R is the place by the sum of the ranks of mIoU, TC and fps." if comparison.ranks else ""
    )
    differing = "".join(
        f" {run.name} was judged differently: {'; '.join(found)}."
        for run, found in zip(comparison.runs, comparison.differing, strict=True)
        if found
    )
    return (
        f"{reference.record['dataset']}, {len(reference.clip_ids)} clips, shares in percent; "
        f"changes are to {reference.name}; intervals hold {100 * settings.level:g} % of "
        f"{settings.resamples} draws of clips.{ranks}{differing} "
        f"Protocol: {protocol_text(reference.protocol)}"
    )
