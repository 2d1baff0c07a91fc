from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from tests.evaluation.compare.made_runs import make_efficiency, make_run
from vstc.evaluation.compare.comparison import compare_runs
from vstc.evaluation.compare.settings import CompareSettings
from vstc.evaluation.compare.tables import (
    best_texts,
    comparison_csv,
    comparison_files,
    comparison_latex,
    comparison_markdown,
)


@pytest.fixture(scope="module")
def comparison():
    runs = [
        replace(make_run("base_line", miss=0.2, flicker=0.2), efficiency=make_efficiency(30.0)),
        replace(make_run("student", miss=0.1), efficiency=make_efficiency(20.0)),
        make_run("teacher", miss=0.1, flicker=0.05),
    ]
    return compare_runs(runs, CompareSettings(resamples=200, scores=("miou", "tc", "tsb", "fps")))


def test_csv_has_a_row_per_run_with_every_digit(comparison):
    rows = list(csv.DictReader(io.StringIO(comparison_csv(comparison))))
    assert [row["run"] for row in rows] == ["base_line", "student", "teacher"]
    found = comparison.differences[1]["miou"]
    for name, value in (("change", found.change), ("low", found.low), ("high", found.high)):
        assert float(rows[1][f"miou_{name}"]) == value
        assert rows[0][f"miou_{name}"] == ""
    assert float(rows[0]["miou"]) == comparison.reference.record["totals"]["miou"]
    assert (rows[0]["rank_fps"], rows[0]["r"], rows[2]["r"]) == ("1", "2", "")
    assert rows[1]["fps_low"] == ""


def test_markdown_marks_the_best_and_says_what_may_be_said(comparison):
    lines = comparison_markdown(comparison).splitlines()
    assert lines[0] == "| run | mIoU | TC | Tsb | fps | R |"
    assert lines[2].startswith("| base\\_line | ")
    assert lines[2].endswith("| **30.0** | 2 |")
    assert lines[4].count("**") == 2 * 3  # mIoU, tied with the student's, TC and Tsb
    assert lines[4].endswith("| – | – |")
    claims = [line for line in lines if line.startswith("- ")]
    assert len(claims) == 6
    assert lines[-1].startswith("made, 8 clips, shares in percent; changes are to base_line;")


def test_latex_is_a_table_with_the_protocol_as_comment(comparison):
    comment, *lines = comparison_latex(comparison).splitlines()
    assert comment.startswith("% made, 8 clips")
    assert "tc.mode nearest" in comment
    assert lines[0] == r"\begin{tabular}{lrrrrr}"
    assert lines[4].startswith(r"base\_line & ")
    assert lines[4].endswith(r"\textbf{30.0} & 2 \\")


def test_a_comparison_without_speed_has_no_ranks_in_its_tables():
    comparison = compare_runs([make_run("a"), make_run("b")], CompareSettings(resamples=0))
    assert "rank" not in comparison_csv(comparison)
    assert not comparison_markdown(comparison).splitlines()[0].endswith("| R |")


def test_values_that_read_the_same_are_not_best(comparison):
    comparison = compare_runs([make_run("a"), make_run("b")], CompareSettings(resamples=0))
    assert best_texts(comparison, "miou") == set()


def test_a_run_that_was_judged_differently_is_told_below_the_table():
    runs = make_run("a"), make_run("b", clips=7)
    settings = CompareSettings(resamples=0, allow_different=True)
    assert "b was judged differently: it lacks 1 of 8 clips" in comparison_markdown(
        compare_runs(runs, settings)
    )


def test_files_are_the_three_texts(comparison):
    assert list(comparison_files(comparison)) == ["table.csv", "table.md", "table.tex"]
