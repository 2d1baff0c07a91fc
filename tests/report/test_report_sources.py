"""What belongs together, and what it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import make_metrics, make_predictions
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import load_dataset, write_dataset
from vstc.report.sources import open_sources, parse_names, source_refs


def test_artifacts_of_one_run_share_name_and_colour(project: Any) -> None:
    sources = open_sources(project.all)
    names = {source.path.name: source.name for source in sources}
    for run in ("baseline", "student"):
        assert {names[f] for f in (run, f"predict-{run}", f"eval-{run}")} == {run}
    colors = {source.name: source.color for source in sources if source.name != "data"}
    assert len(set(colors.values())) == 2
    assert all(colors[s.name] == s.color for s in sources if s.name != "data")


def test_metrics_alone_take_the_name_of_their_checkpoint(project: Any) -> None:
    (source,) = open_sources([project.student["metrics"]])
    assert source.name == "student"


def test_two_predictions_of_one_checkpoint_are_two_runs(project: Any, tmp_path: Path) -> None:
    plain = project.student["predictions"]
    flipped = make_predictions(
        tmp_path / "flipped", project.dataset, project.student["run"], noise=0.3
    )
    sources = open_sources([plain, flipped, project.student["run"]])
    assert len({source.color for source in sources}) == 3
    assert len({source.name for source in sources}) == 3
    assert sources[1].name == "flipped"


def test_given_name_counts_for_the_whole_run(project: Any) -> None:
    metrics = project.student["metrics"]
    sources = open_sources([project.student["run"], metrics], names={metrics: "ours"})
    assert [source.name for source in sources] == ["ours", "ours"]


def test_runs_in_folders_of_the_same_name_are_told_apart(project: Any, tmp_path: Path) -> None:
    folders = [
        make_metrics(tmp_path / place / "eval", project.dataset, tmp_path, lift=lift)
        for place, lift in (("old", 0.1), ("new", 0.2))
    ]
    names = [source.name for source in open_sources(folders)]
    assert names == ["old/eval", "new/eval"]


def test_artifact_that_is_given_twice_counts_once(project: Any) -> None:
    metrics = project.student["metrics"]
    assert len(open_sources([metrics, metrics.parent / "." / metrics.name])) == 1


def test_name_for_something_else_is_refused(project: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not in the report"):
        open_sources([project.dataset], names={tmp_path: "x"})


def test_two_runs_of_one_name_are_refused(project: Any) -> None:
    metrics = [project.baseline["metrics"], project.student["metrics"]]
    with pytest.raises(ConfigError, match="two runs are called x"):
        open_sources(metrics, names=dict.fromkeys(metrics, "x"))


@pytest.mark.parametrize("text", ["x", "=runs/a", "x=", " =a"])
def test_malformed_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not NAME=ARTIFACT"):
        parse_names([text])


def test_name_for_two_artifacts_is_refused() -> None:
    assert parse_names(["a=x", "b=y=z"]) == {"a": "x", "b": "y=z"}
    with pytest.raises(ConfigError, match="stands for"):
        parse_names(["a=x", "a=y"])


def test_data_set_that_no_command_made_is_welcome(project: Any, tmp_path: Path) -> None:
    write_dataset(tmp_path, load_dataset(project.dataset).record)
    (source,) = open_sources([tmp_path])
    assert source.kind == "vstc.dataset"
    assert source_refs([source])[0].kind == "raw"


def test_incomplete_artifact_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text(json.dumps({"command": ["vstc", "predict"]}))
    with pytest.raises(InputError, match="incomplete") as caught:
        open_sources([tmp_path])
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint


def test_missing_artifact_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        open_sources([tmp_path / "nothing"])
