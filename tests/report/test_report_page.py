"""The whole page: every kind of artifact, nothing from outside, the same bytes again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import (
    make_dataset,
    make_metrics,
    make_other,
    make_predictions,
    make_pseudo_dataset,
    make_run,
)
from vstc.errors import InputError
from vstc.report.page import build_page
from vstc.report.sources import open_sources


def test_everything_stands_in_the_order_that_a_reader_wants(project: Any, page: Any) -> None:
    read = page(*project.all)
    wanted = ["results", "pictures", "worst", "consistency", "classes", "clips"]
    wanted += ["training", "data", "ancestry"]
    assert [name for name in read.ids if name in wanted] == wanted
    assert read.unclosed == []


def test_page_asks_for_nothing_from_outside(project: Any, page: Any) -> None:
    read = page(*project.all)
    foreign = [t for t in read.targets if not str(t).startswith(("data:image/", "data:,", "#"))]
    assert foreign == []
    assert "<script" not in read.html
    assert "http:" not in read.html
    assert "https:" not in read.html


def test_ids_are_unique_and_links_inside_the_page_lead_somewhere(project: Any, page: Any) -> None:
    read = page(*project.all)
    inner = {str(target)[1:] for target in read.targets if str(target).startswith("#")}
    assert inner <= set(read.ids)
    sections = [name for name in read.ids if name.isalpha()]
    assert len(sections) == len(set(sections))


def test_same_artifacts_give_the_same_bytes(project: Any) -> None:
    first, second = (build_page(open_sources(project.all), title="t").html for _ in range(2))
    assert first == second


def test_size_stays_small(project: Any) -> None:
    assert len(build_page(open_sources(project.all), title="t").html) < 2_000_000


def test_texts_of_users_are_escaped(project: Any, page: Any, tmp_path: Path) -> None:
    evil = "<b>&\"'</b>"
    dataset = make_dataset(tmp_path / "data", name=evil)
    other = make_other(tmp_path / "other", kind="vstc.<i>", note=evil)
    read = page(
        dataset,
        other,
        project.baseline["metrics"],
        title=evil,
        **{"<u>run": project.baseline["metrics"]},
    )
    assert evil not in read.html
    assert "<u>run" not in read.html
    assert "<i>" not in read.html
    assert evil in read.text
    assert "<u>run" in read.text
    assert "<u>run" in read.charts[-1] or "<u>run" in read.text


def test_one_run_has_no_headline(project: Any, page: Any) -> None:
    read = page(project.student["metrics"])
    assert 'class="headline"' not in read.html
    assert "mIoU of student 68.0" in read.text


def test_headline_compares_the_last_run_with_the_first(project: Any) -> None:
    sources = open_sources([project.baseline["metrics"], project.student["metrics"]])
    built = build_page(sources, title="t")
    assert (
        built.headline == "student against baseline: mIoU 68.0 vs 60.0, TC (nearest) 93.0 vs 85.0"
    )
    assert built.headline in built.html


def test_predictions_alone_find_their_data_set(project: Any, page: Any) -> None:
    read = page(project.baseline["predictions"], project.student["predictions"])
    assert any(alt.startswith("c0 / ") and alt.endswith(": frame") for alt in read.images)
    for caption in ("true label", "baseline", "student"):
        assert sum(alt.endswith(f": {caption}") for alt in read.images) >= 4
    assert "Flicker in c0" in read.text
    assert "A slice through time of c0" in read.text


def test_predictions_whose_data_set_is_gone_say_so(page: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data", frames=3, clips=1)
    run = make_run(tmp_path / "run", dataset, steps=3)
    predictions = make_predictions(tmp_path / "predictions", dataset, run, noise=0.1)
    shutil.rmtree(dataset)
    read = page(predictions)
    assert "No pictures of run: the data set is gone" in read.text
    assert "dataset of predictions is gone" in read.text
    assert read.images == []


def test_unlabelled_data_set_and_one_frame_clips_have_pictures_without_truth(
    page: Any, tmp_path: Path
) -> None:
    dataset = make_dataset(tmp_path / "data", frames=1, clips=1, labelled=False)
    run = make_run(tmp_path / "run", dataset, steps=1, validated=False)
    read = page(dataset, make_predictions(tmp_path / "p", dataset, run, noise=0.1), run)
    assert "true label" not in read.text
    assert "Flicker" not in read.text
    assert read.row("val")[1:4] == ["1", "1", "0"]


def test_missing_validation_and_missing_log_are_told(
    project: Any, page: Any, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "quiet", project.dataset, steps=4, validated=False)
    bare = make_run(tmp_path / "bare", project.dataset, steps=4, seed=2)
    (bare / "metrics.jsonl").unlink()
    read = page(run, bare)
    assert "quiet was not validated while it was trained." in read.text
    assert read.row("bare")[3] == "–"
    assert not any("Validation" in label for label in read.charts)


def test_training_curves_overlay_the_runs_that_have_a_term(project: Any, page: Any) -> None:
    read = page(project.baseline["run"], project.student["run"])
    labels = {label.split(" over the steps: ")[0]: label for label in read.charts}
    assert labels["Validation mIoU"].endswith("baseline, student")
    assert labels["Validation TC"].endswith(": student"), "baseline has null TC"
    assert labels["Loss: temporal loss"].endswith("baseline, student")
    assert labels["Loss: pair-wise distillation"].endswith(": student")
    assert read.row("student") == ["student", "pspnet18", "12 345 678", "40", "60.0", "80.0", "42"]


def test_metrics_without_tc_have_no_consistency_section(
    project: Any, page: Any, tmp_path: Path
) -> None:
    metrics = make_metrics(
        tmp_path / "m", project.dataset, project.baseline["predictions"], lift=0.3, tc=False
    )
    read = page(metrics)
    assert "consistency" not in read.ids
    assert "TC" not in read.row("Run")
    assert not any("TC" in label for label in read.charts)


def test_consistency_section_draws_every_clip(project: Any, page: Any) -> None:
    read = page(project.baseline["metrics"], project.student["metrics"])
    jitter = [label for label in read.charts if label.startswith("Agreement")]
    assert jitter == [f"Agreement of neighbouring frames in clip c{clip}" for clip in (0, 1)]


def test_pseudo_labels_show_what_is_kept(project: Any, page: Any, tmp_path: Path) -> None:
    read = page(make_pseudo_dataset(project.dataset.parent / "pseudo", project.dataset))
    assert read.row("18") == ["18", "0.930", "87.0 %"]
    assert read.row("disc") == ["disc", "0.55", "5.0", "40.0"]
    assert "pseudo label" in read.images


def test_unknown_kind_is_shown_as_its_manifest(page: Any, tmp_path: Path) -> None:
    read = page(make_other(tmp_path / "sketches", width=3, nested={"deep": [1, 2]}))
    assert read.row("kind")[1] == "vstc.sketches"
    assert read.row("setting nested.deep")[1] == "1, 2"
    assert read.row("sketches")[1] == "12"
    assert "masks of sketches is gone: somewhere/else" in read.text


def test_broken_scores_are_an_input_error(project: Any, tmp_path: Path) -> None:
    metrics = shutil.copytree(project.baseline["metrics"], tmp_path / "m")
    (metrics / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match="holds no totals"):
        build_page(open_sources([metrics]), title="t")
    (metrics / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="not readable"):
        build_page(open_sources([metrics]), title="t")
