"""No score without its meaning, no TC without its mode, no Tsb without its scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vstc.evaluation.score_names import SCORES, score_name
from vstc.report.definitions import definition, full_label
from vstc.report.scores import RunScores
from vstc.report.sources import METRICS, Source


def run(name: str, **protocol: Any) -> RunScores:
    return RunScores(
        name=name,
        color="#000000",
        dataset="d",
        totals={},
        classes=[],
        clips=[],
        pairs={},
        protocol=protocol,
        source=Source(path=Path(name), kind=METRICS, id="", name=name, run=0, manifest={}),
    )


def test_every_known_score_has_a_meaning() -> None:
    of_classes = {"iou", "acc"}
    assert [key for key in SCORES if not definition(key) and key not in of_classes] == []
    assert definition("other") == ""


def test_meaning_tells_when_low_is_good() -> None:
    for key, shown in SCORES.items():
        assert ("lower is better" in definition(key)) == shown.is_better_low, key


@pytest.mark.parametrize("key", ["tc", "tc_seq", "tc_acc"])
def test_tc_bears_its_mode(key: str) -> None:
    label = SCORES[key].label
    assert full_label(key, [run("a", tc={"mode": "liu2020"})]) == f"{label} (liu2020)"


def test_tsb_bears_its_scale() -> None:
    assert full_label("tsb", [run("a", tsb={"scale": "davis"})]) == "Tsb (davis)"


def test_runs_of_different_modes_name_both() -> None:
    runs = [run("a", tc={"mode": "nearest"}), run("b", tc={"mode": "vspw"}), run("c", tc=None)]
    assert full_label("tc", runs) == "TC (nearest / vspw)"
    assert full_label("miou", runs) == "mIoU"


def test_tc_by_the_previous_frame_says_so() -> None:
    assert full_label("tc", [run("a", tc={"mode": "onehot", "direction": "prev"})]) == (
        "TC (onehot, prev)"
    )
    assert full_label("tc", [run("a", tc={"mode": "onehot", "direction": "next"})]) == (
        "TC (onehot)"
    )


def test_vc_may_have_windows_of_any_length() -> None:
    assert full_label("vc12_correct", []) == "VC12 correct"
    assert definition("vc12").startswith("pixels whose label stays over 12 frames")
    assert definition("vc12_correct") == definition("vc8_correct").replace("8", "12")
    assert score_name("vc12").is_share


def test_record_without_protocol_leaves_the_bare_name() -> None:
    assert full_label("tc", [run("a")]) == "TC"


def test_page_never_says_tc_without_its_mode(project: Any, page: Any) -> None:
    read = page(project.baseline["metrics"], project.student["metrics"])
    cells = [cell for row in read.rows for cell in row]
    assert any(cell.startswith("TC") for cell in cells)
    assert any(cell.startswith("Tsb") for cell in cells)
    assert all("(nearest)" in cell for cell in cells if cell.startswith("TC"))
    assert all("(raw)" in cell for cell in cells if cell.startswith("Tsb"))
    assert "TC (nearest) per class" in read.charts
    assert "Tsb (raw) per class" in read.charts
