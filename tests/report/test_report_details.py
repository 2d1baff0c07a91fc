"""Bars per class, ringed dips and the numbers beside the curves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import make_metrics
from vstc.errors import InputError
from vstc.report.scores import read_scores
from vstc.report.sources import open_sources


def test_bars_are_drawn_for_every_score_that_classes_have(project: Any, page: Any) -> None:
    read = page(project.baseline["metrics"], project.student["metrics"])
    bars = [label for label in read.charts if label.endswith(" per class")]
    assert bars == [
        "IoU per class",
        "TC (nearest) per class",
        "Tsb (raw) per class",
        "Area flicker per class",
    ]
    assert read.text.count("lower is better") >= 2


def test_old_scores_have_the_bars_that_they_can(project: Any, page: Any, tmp_path: Path) -> None:
    predictions = project.student["predictions"]
    old = make_metrics(tmp_path / "m", project.dataset, predictions, lift=0.3, is_old=True)
    record = json.loads((old / "metrics.json").read_text())
    del record["confusion"]
    (old / "metrics.json").write_text(json.dumps(record))
    read = page(old)
    bars = [label for label in read.charts if label.endswith(" per class")]
    assert bars == ["IoU per class", "TC (nearest) per class"]
    assert not any(label.startswith("Confusion") for label in read.charts)
    assert "jitter:" not in read.text


def test_curves_tell_the_jitter_of_each_run_and_ring_its_dips(project: Any, page: Any) -> None:
    read = page(project.baseline["metrics"], project.student["metrics"])
    clips = json.loads((project.student["metrics"] / "metrics.json").read_text())["per_clip"]
    told = f"student {100 * clips[0]['jitter']:.2f}"
    assert told in read.text
    assert "jitter: baseline " in read.text
    rings = read.html.count("stroke-width: 1.8")
    assert rings >= 4, "both runs dip in both clips"


def test_clip_table_has_the_columns_that_clips_have(
    project: Any, page: Any, tmp_path: Path
) -> None:
    heads = [row for row in page(project.student["metrics"]).rows if row[0] == "Clip"]
    assert heads == [["Clip", "Frames", "mIoU student", "TC (nearest) student", "Jitter student"]]


def test_confusion_of_every_run_is_drawn(project: Any, page: Any) -> None:
    read = page(project.baseline["metrics"], project.student["metrics"])
    maps = [label for label in read.charts if label.startswith("Confusion matrix of ")]
    assert [label.split(";")[0].split()[-1] for label in maps] == ["baseline", "student"]
    assert "Costliest mistakes" in read.text


def test_table_of_frames_is_read(project: Any) -> None:
    (source,) = open_sources([project.student["metrics"]])
    scores = read_scores(source)
    assert list(scores.frames) == ["c0", "c1"]
    assert [frame.index for frame in scores.frames["c0"]] == list(range(9))
    assert all(0.5 <= (frame.miou or 0) <= 0.9 for frame in scores.frames["c0"])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("clip,index\nc0,first\n", "not readable"),
        ("index,accuracy\n0,0.5\n", "not readable"),
        ("clip,index,accuracy\nc0,0,good\n", "accuracy is good"),
    ],
)
@pytest.mark.parametrize("name", ["per_pair.csv", "per_frame.csv"])
def test_broken_table_is_an_input_error(
    project: Any, tmp_path: Path, name: str, text: str, match: str
) -> None:
    metrics = shutil.copytree(project.student["metrics"], tmp_path / "m")
    (metrics / name).write_text(text)
    (source,) = open_sources([metrics])
    with pytest.raises(InputError, match=match) as caught:
        read_scores(source)
    assert name in caught.value.message


def test_table_without_agreement_has_no_curve(project: Any, page: Any, tmp_path: Path) -> None:
    metrics = shutil.copytree(project.student["metrics"], tmp_path / "m")
    (metrics / "per_pair.csv").write_text("clip,index,frame,next_frame,changed\nc0,0,000,001,0.1\n")
    read = page(metrics)
    assert "consistency" not in read.ids
