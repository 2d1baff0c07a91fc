"""Rank table of Liu et al. 2022, Table V: runs by accuracy, consistency and speed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ranks:
    """Places of one run; 1 is the best. None when the run was left out.

    Attributes:
        parts: Its place by each value, in the order of the values.
        total: Sum of the parts.
        r: Its place by that sum: the column R.
    """

    parts: tuple[int, ...] | None = None
    total: int | None = None
    r: int | None = None


def rank_table(runs: Sequence[Sequence[float | None]]) -> list[Ranks]:
    """Rank runs by the sum of their ranks.

    Greater values are better. Runs that tie share the best of their places, and the next one
    keeps its own (1, 2, 2, 4), in the parts and in R. A run that lacks a value takes no place.
    All of this is how Table V was made, but for a misprint: BiseNetV2_Video has R 9 where its
    sum of 32 gives 7.

    Args:
        runs: The values of each run in the same order: mIoU, TC and fps in the paper.

    Returns:
        The ranks of each run.
    """
    if len({len(values) for values in runs}) > 1:
        raise ValueError("every run needs the same values")
    complete = [
        (index, [value for value in values if value is not None])
        for index, values in enumerate(runs)
        if None not in values
    ]
    columns = zip(*(values for _, values in complete), strict=True)
    by_column = [_places([-value for value in column]) for column in columns]
    parts = list(zip(*by_column, strict=True))
    totals = [sum(row) for row in parts]
    table = [Ranks() for _ in runs]
    entries = zip(complete, parts, totals, _places(totals), strict=True)
    for (index, _), part, total, r in entries:
        table[index] = Ranks(part, total, r)
    return table


def _places(values: Sequence[float]) -> list[int]:
    """Return the place of each value, the least first; equal ones share the best place."""
    first: dict[float, int] = {}
    for place, value in enumerate(sorted(values), start=1):
        first.setdefault(value, place)
    return [first[value] for value in values]
