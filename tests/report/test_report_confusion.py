"""Which classes are taken for which others, and what is shown of many classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.errors import InputError
from vstc.report.blocks import Charts, Table
from vstc.report.confusion import MAX_CLASSES, Confusion, confusion_blocks, read_confusion
from vstc.report.scores import RunScores
from vstc.report.sources import METRICS, Source


def run(
    counts: Sequence[Sequence[int]], *, name: str = "a", num_classes: int | None = None
) -> RunScores:
    num_classes = len(counts) - 1 if num_classes is None else num_classes
    return RunScores(
        name=name,
        color="#000000",
        dataset="d",
        totals={},
        classes=[{"id": place, "name": f"c{place}"} for place in range(num_classes)],
        clips=[],
        pairs={},
        protocol={},
        source=Source(path=Path(name), kind=METRICS, id="", name=name, run=0, manifest={}),
        confusion=counts,
    )


COUNTS = [[90, 8, 2, 0], [10, 30, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_shares_are_by_the_true_pixels() -> None:
    confusion = read_confusion(run(COUNTS))
    assert confusion is not None
    expected = [[0.9, 0.08, 0.02, 0], [0.25, 0.75, 0, 0], [0, 0, 0, 0]]
    assert confusion.shares.tolist() == expected


def test_mistakes_come_by_their_pixels() -> None:
    confusion = read_confusion(run(COUNTS))
    assert confusion is not None
    assert confusion.mistakes() == [(1, 0), (0, 1), (0, 2)]


def test_map_and_table_are_shown_and_told() -> None:
    charts, table = confusion_blocks([run(COUNTS)], "")
    assert isinstance(charts, Charts)
    assert isinstance(table, Table)
    assert (
        'aria-label="Confusion matrix of a; 25.0 % of c1 taken for c0, 8.0 %'
        in charts.charts[0].svg
    )
    assert "no class" not in charts.charts[0].svg
    assert [cell.text for cell in table.rows[0]] == ["c1 taken for c0", "25.0"]


def test_ids_outside_the_table_have_a_column_of_their_own() -> None:
    counts = [[9, 0, 1], [0, 10, 0], [0, 0, 0]]
    charts, table = confusion_blocks([run(counts)], "")
    assert isinstance(charts, Charts)
    assert isinstance(table, Table)
    assert "no class" in charts.charts[0].svg
    assert table.rows[0][0].text == "c0 taken for no class"


def test_runs_stand_side_by_side_and_the_last_one_orders_the_mistakes() -> None:
    worse = [[50, 50, 0, 0], [0, 40, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    charts, table = confusion_blocks([run(worse, name="old"), run(COUNTS, name="new")], "")
    assert isinstance(charts, Charts)
    assert isinstance(table, Table)
    assert [chart.title for chart in charts.charts] == ["old", "new"]
    assert table.columns == ("Mistake", "old", "new")
    assert [[cell.text for cell in row] for row in table.rows[:2]] == [
        ["c1 taken for c0", "0.0", "25.0"],
        ["c0 taken for c1", "50.0", "8.0"],
    ]


def test_perfect_run_has_a_map_and_no_mistakes() -> None:
    blocks = confusion_blocks([run([[5, 0, 0], [0, 5, 0], [0, 0, 0]])], "")
    assert [type(block) for block in blocks] == [Charts]


def test_nothing_counted_shows_nothing() -> None:
    assert confusion_blocks([run([[0, 0], [0, 0]]), run([], num_classes=2)], "") == []


def test_matrix_of_another_table_is_an_input_error() -> None:
    with pytest.raises(InputError, match="does not fit 3 classes"):
        read_confusion(run(COUNTS[:2], num_classes=3))


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_reduced_matrix_keeps_every_pixel_of_its_rows(size: int, limit: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 50, (size, size + 1))
    whole = Confusion(tuple(map(str, range(size))), counts)
    kept, part = whole.reduced(limit)
    assert kept == sorted(kept)
    assert len(kept) == min(limit, size)
    assert part.counts.sum(axis=1).tolist() == counts[kept].sum(axis=1).tolist()
    assert np.diagonal(part.counts).tolist() == [counts[place, place] for place in kept]


def test_many_classes_show_those_with_the_most_wrong_pixels() -> None:
    size = MAX_CLASSES + 5
    counts = np.zeros((size + 1, size + 1), int)
    np.fill_diagonal(counts[:size], 100)
    for place in range(size):
        counts[place, (place + 1) % size] = 30 + place
    charts = confusion_blocks([run(counts.tolist())], "")[0]
    assert isinstance(charts, Charts)
    assert "other classes" in charts.charts[0].svg
    assert f"The {MAX_CLASSES} of {size} classes" in charts.caption
    _, part = Confusion(tuple(f"c{n}" for n in range(size)), counts[:-1]).reduced(10)
    assert part.names == tuple(f"c{place}" for place in range(size - 10, size))
