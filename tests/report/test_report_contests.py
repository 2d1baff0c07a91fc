"""Which runs are compared, which score is best, and what the headline says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.report.factory import make_metrics
from vstc.report.blocks import Table
from vstc.report.contests import Contest, read_contests
from vstc.report.results import headline, results_section, score_cell
from vstc.report.scores import RunScores
from vstc.report.sources import METRICS, Source, open_sources


def scores(name: str, totals: Mapping[str, float | None], **protocol: Any) -> RunScores:
    return RunScores(
        name=name,
        color="#000000",
        dataset="d",
        totals=totals,
        classes=[],
        clips=[],
        pairs={},
        protocol=protocol,
        source=Source(path=Path(name), kind=METRICS, id="", name=name, run=0, manifest={}),
    )


def contest(*runs: RunScores) -> Contest:
    return Contest(title="d", runs=runs)


def test_headline_names_only_scores_that_both_runs_have() -> None:
    first, last = {"miou": 0.5, "tc": None}, {"miou": 0.6123, "tc": 0.8}
    said = headline([contest(scores("a", first), scores("b", last))])
    assert said == "b against a: mIoU 61.2 vs 50.0"


def test_headline_is_empty_without_a_common_score() -> None:
    assert headline([contest(scores("a", {"miou": 0.5}), scores("b", {"tc": 0.5}))]) == ""
    assert headline([contest(scores("a", {"miou": 0.5}))]) == ""
    assert headline([]) == ""


def test_headline_takes_each_score_from_the_contest_that_has_it() -> None:
    accuracy = contest(scores("a", {"miou": 0.5, "tc": None}), scores("b", {"miou": 0.6}))
    steadiness = contest(
        scores("a", {"miou": 0.1, "tc": 0.7}), scores("b", {"miou": 0.2, "tc": 0.8})
    )
    said = headline([accuracy, steadiness])
    assert said == "b against a: mIoU 60.0 vs 50.0, TC 80.0 vs 70.0"


def test_metrics_of_other_splits_are_not_compared(project: Any, tmp_path: Path) -> None:
    folders = []
    for split in ("val", "test"):
        for run in (project.baseline, project.student):
            folder = tmp_path / f"{split}-{len(folders)}"
            folders.append(
                make_metrics(folder, project.dataset, run["predictions"], lift=0.3, splits=[split])
            )
    contests = read_contests(open_sources(folders))
    assert [c.title for c in contests] == ["shapes, split val", "shapes, split test"]
    assert [[run.name for run in c.runs] for c in contests] == [["baseline", "student"]] * 2


def test_run_that_was_judged_twice_is_told_apart_by_folder(project: Any, tmp_path: Path) -> None:
    again = make_metrics(
        tmp_path / "again", project.dataset, project.student["predictions"], lift=0.2
    )
    (found,) = read_contests(open_sources([project.student["metrics"], again]))
    assert [run.name for run in found.runs] == ["student (eval-student)", "student (again)"]


def test_differing_protocols_are_told() -> None:
    tc = {"tc": {"flow": {"method": "dis"}}}
    pair = contest(scores("a", {"tc": 0.5}, **tc), scores("b", {"tc": 0.5}, tc={"flow": None}))
    assert pair.differing() == ["tc.flow.method"]
    section = results_section([pair])
    assert any("different protocols" in getattr(block, "text", "") for block in section.blocks)


def test_what_was_judged_is_no_difference_in_judging() -> None:
    first = scores("a", {"tc": 0.5}, predictions={"source": "images"}, propagated_with=[])
    last = scores("b", {"tc": 0.5}, predictions={"source": "checkpoint"}, propagated_with=["dis"])
    pair = contest(first, last)
    assert pair.differing() == []
    notes = [getattr(block, "text", "") for block in results_section([pair]).blocks]
    assert [note for note in notes if note] == [
        "b was made by moving labels along flow (dis): its TC is higher than the labels deserve."
    ]


def test_best_is_the_highest_share_and_the_lowest_instability() -> None:
    runs = [{"miou": 0.5, "tsb": 0.2}, {"miou": 0.6, "tsb": 0.1}, {"miou": None, "tsb": 0.3}]
    assert [score_cell("miou", run, runs).is_best for run in runs] == [False, True, False]
    assert [score_cell("tsb", run, runs).is_best for run in runs] == [False, True, False]
    assert score_cell("tsb", runs[1], runs).tone == "good"
    assert score_cell("tsb", runs[2], runs).tone == "bad"
    assert score_cell("miou", runs[2], runs).text == "–"


def test_score_where_low_is_good_is_best_when_it_falls() -> None:
    for key in ("tsb", "change_rate", "aba_rate", "jitter", "area_flicker"):
        runs = [{key: 0.2}, {key: 0.1}]
        cells = [score_cell(key, run, runs) for run in runs]
        assert [cell.is_best for cell in cells] == [False, True], key
        assert cells[1].tone == "good", key
        assert cells[1].note.startswith("−"), key


def test_frames_per_second_are_no_share_and_better_when_high() -> None:
    runs = [{"fps": 20.0}, {"fps": 31.5}]
    cell = score_cell("fps", runs[1], runs)
    assert (cell.text, cell.note, cell.tone, cell.is_best) == ("31.5", "+11.5", "good", True)


def test_many_scores_are_listed_from_top_to_bottom_with_what_they_mean() -> None:
    few = {"miou": 0.5, "tc": 0.5}
    many = few | dict.fromkeys(("macc", "aacc", "fwiou", "vc8", "vc16", "jitter", "tsb"), 0.1)
    wide, tall = (results_section([contest(scores("a", t))]).blocks[1] for t in (few, many))
    assert isinstance(wide, Table)
    assert isinstance(tall, Table)
    assert wide.columns == ("Run", "mIoU", "TC")
    assert "TC: mIoU of each frame with the next one" in wide.caption
    assert tall.columns == ("Score", "a", "")
    meanings = {row[0].text: row[-1].text for row in tall.rows}
    assert len(meanings) == len(many)
    assert meanings["Jitter"].endswith("lower is better")
    assert tall.caption == "Shares in percent, but for Tsb."


def test_scores_that_read_the_same_have_no_best() -> None:
    runs = [{"tc": 0.90001}, {"tc": 0.90002}]
    cells = [score_cell("tc", run, runs) for run in runs]
    assert [cell.is_best for cell in cells] == [False, False]
    assert (cells[1].note, cells[1].tone) == ("±0.0", "")
