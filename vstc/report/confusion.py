"""Which classes are taken for which others: a map per run, and the costliest mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.report.blocks import Block, Cell, Chart, Charts, Legend, Table
from vstc.report.heatmap import heat_map, right_color, wrong_color
from vstc.report.numbers import ABSENT, percent
from vstc.report.scores import RECORD, RunScores

MAX_CLASSES = 20
_MAPS_DRAWN = 4
_MISTAKES_LISTED = 8
OUTSIDE = "no class"
OTHERS = "other classes"


@dataclass(frozen=True)
class Confusion:
    """Counts of true against predicted classes.

    Attributes:
        names: Names of the K classes.
        counts: (K, K + 1) pixels; rows true, columns predicted, the last for no class at all.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Counts by the true pixels of each class; 0 for a class without one."""
        true = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(self.counts / np.maximum(1, true), np.float64)

    def mistakes(self) -> list[tuple[int, int]]:
        """List (true, predicted) by the pixels that are mistaken, most first."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")
        pairs = [divmod(int(place), wrong.shape[1]) for place in order]
        return [pair for pair in pairs if wrong[pair] > 0]

    def reduced(self, limit: int) -> tuple[list[int], Confusion]:
        """Keep the classes with the most wrong pixels; the others share the last column.

        Returns:
            The kept classes, in their order, and their (limit, limit + 1) counts.
        """
        hits = np.diagonal(self.counts)
        wrong = self.counts.sum(axis=1) + self.counts[:, :-1].sum(axis=0) - 2 * hits
        kept = sorted(np.argsort(-wrong, kind="stable")[:limit].tolist())
        rows = self.counts[kept]
        others = rows.sum(axis=1) - rows[:, kept].sum(axis=1)
        names = tuple(self.names[place] for place in kept)
        return kept, Confusion(names, np.column_stack([rows[:, kept], others]))


def read_confusion(run: RunScores) -> Confusion | None:
    """Take the confusion matrix of a run; None where nothing was counted.

    Raises:
        InputError: Its size does not fit the class table.
    """
    names = {int(entry["id"]): str(entry["name"]) for entry in run.classes if "id" in entry}
    size = len(run.confusion)
    if not size or not names:
        return None
    if len(names) != size - 1 or any(len(row) != size for row in run.confusion):
        raise InputError(
            f"{run.source.path / RECORD}: the confusion matrix does not fit {len(names)} classes",
            hint="run vstc evaluate again",
        )
    counts = np.array(run.confusion, np.int64)[:-1]
    table = tuple(names.get(place, str(place)) for place in range(size - 1))
    return Confusion(table, counts) if counts.any() else None


def confusion_blocks(runs: Sequence[RunScores], where: str) -> list[Block]:
    """Show the confusion of some runs that were judged on the same frames.

    Args:
        runs: The runs, the one that the page is about last.
        where: What they were judged on, for the titles; empty where all were judged alike.
    """
    found = [(run, confusion) for run in runs if (confusion := read_confusion(run)) is not None]
    if not found:
        return []
    drawn = found[:1] + found[1:][1 - _MAPS_DRAWN :]
    charts = tuple(_chart(run, confusion) for run, confusion in drawn)
    caption = (
        "A row holds the pixels of a true class, in shares of them; a column is what they are "
        "taken for. Blue is right, orange is mistaken; shares below half a percent stay blank."
    )
    if len(drawn) < len(found):
        caption += f" The first and the last {len(drawn) - 1} of {len(found)} runs."
    if len(found[0][1].names) > MAX_CLASSES:
        caption += f" The {MAX_CLASSES} of {len(found[0][1].names)} classes with the most wrong "
        caption += f"pixels; the last column, {OTHERS}, holds all that is taken for another."
    blocks: list[Block] = [
        Charts(
            charts=charts,
            title=f"Confusion{where}",
            caption=caption,
            legend=_legend(),
            is_large=True,
        )
    ]
    return [*blocks, *_mistakes_table(found, where)]


def _chart(run: RunScores, confusion: Confusion) -> Chart:
    shown, last = confusion, OUTSIDE
    if len(confusion.names) > MAX_CLASSES:
        _, shown = confusion.reduced(MAX_CLASSES)
        last = OTHERS
    shares, columns = shown.shares, [*shown.names, last]
    if not shown.counts[:, -1].any():
        shares, columns = shares[:, :-1], columns[:-1]
    worst = ", ".join(
        f"{percent(confusion.shares[pair])} % of {_pair_name(confusion, pair)}"
        for pair in confusion.mistakes()[:3]
    )
    label = f"Confusion matrix of {run.name}"
    svg = heat_map(
        shown.names, columns, shares.tolist(), label=f"{label}; {worst}" if worst else label
    )
    return Chart(title=run.name, svg=svg)


def _mistakes_table(found: Sequence[tuple[RunScores, Confusion]], where: str) -> list[Block]:
    """List the mistakes of the last run that cost the most pixels, and what the others do."""
    last_run, last = found[-1]
    same = [(run, confusion) for run, confusion in found if confusion.names == last.names]
    pairs = last.mistakes()[:_MISTAKES_LISTED]
    if not pairs:
        return []
    rows = []
    for pair in pairs:
        has_pixels = [confusion.counts[pair[0]].any() for _, confusion in same]
        shares = [
            percent(confusion.shares[pair]) if known else ABSENT
            for (_, confusion), known in zip(same, has_pixels, strict=True)
        ]
        rows.append((Cell(_pair_name(last, pair)), *(Cell(share) for share in shares)))
    caption = "In percent of the true pixels of the class"
    caption += f"; ordered by the wrong pixels of {last_run.name}." if len(same) > 1 else "."
    return [
        Table(
            columns=("Mistake", *(run.name for run, _ in same)),
            rows=tuple(rows),
            title=f"Costliest mistakes{where}",
            caption=caption,
        )
    ]


def _pair_name(confusion: Confusion, pair: tuple[int, int]) -> str:
    return f"{confusion.names[pair[0]]} taken for {[*confusion.names, OUTSIDE][pair[1]]}"


def _legend() -> Legend:
    right = [(f"{points} % right", right_color(points / 100)) for points in (50, 100)]
    wrong = [(f"{points} % mistaken", wrong_color(points / 100)) for points in (1, 5, 20, 50)]
    return Legend(entries=(*right, *wrong))
