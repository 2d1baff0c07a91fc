from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import Made, make_project
from vstc.artifacts.manifest import read_manifest


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_project(tmp_path_factory.mktemp("project"), frames=3, clips=1, steps=5)


@pytest.fixture
def report(run: Callable[..., Any], project: Made, tmp_path: Path) -> Callable[..., Any]:
    """Run ``vstc report`` on the scores of both runs."""

    def call(*arguments: object, code: int = 0) -> Any:
        scores = (project.baseline["metrics"], project.student["metrics"])
        return run("report", *scores, "-o", tmp_path / "report", *arguments, code=code)

    return call


def test_report_is_written_with_its_manifest(report: Any, project: Made, tmp_path: Path) -> None:
    done = report("--title", "A title & more", *project.all)
    assert "student against baseline: mIoU 68.0 vs 60.0" in done.stdout
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "<title>A title &amp; more</title>" in html
    manifest = read_manifest(tmp_path / "report", kind="vstc.report")
    assert manifest["config"]["title"] == "A title & more"
    assert len(manifest["inputs"]) == len(project.all)
    assert [row["path"] for row in manifest["outputs"]] == ["report.html"]


def test_json_names_file_sections_and_artifacts(report: Any, tmp_path: Path) -> None:
    told = report("--json").json
    assert told["report"] == str(tmp_path / "report" / "report.html")
    assert told["bytes"] == (tmp_path / "report" / "report.html").stat().st_size
    assert told["headline"].startswith("student against baseline")
    assert told["sections"][0] == "Results"
    assert [entry["name"] for entry in told["artifacts"]] == ["baseline", "student"]
    assert told["dry_run"] is False


def test_names_are_used(report: Any, project: Made) -> None:
    told = report("--json", "--name", f"ours={project.student['metrics']}").json
    assert told["headline"].startswith("ours against baseline")


def test_dry_run_writes_nothing(report: Any, tmp_path: Path) -> None:
    told = report("--dry-run", "--json").json
    assert told["dry_run"] is True
    assert told["bytes"] > 10_000
    assert not (tmp_path / "report").exists()


def test_existing_report_is_refused_renewed_or_kept(report: Any, tmp_path: Path) -> None:
    file = tmp_path / "report" / "report.html"
    report()
    before = file.read_bytes()
    assert "--overwrite" in report(code=4).stderr
    assert report("--dry-run", code=4).stderr
    assert "title" in report("--resume", "--title", "other", code=4).stderr
    first = file.stat().st_mtime_ns
    told = report("--resume", "--json").json
    assert (file.stat().st_mtime_ns, told["bytes"]) == (first, len(before))
    report("--overwrite")
    assert file.read_bytes() == before


def test_killed_report_is_resumed(report: Any, tmp_path: Path) -> None:
    report()
    folder = tmp_path / "report"
    whole = (folder / "report.html").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    state = {key: manifest[key] for key in ("kind", "config", "inputs", "command")}
    (folder / "progress.json").write_text(json.dumps(state | {"schema_version": 1}))
    (folder / "manifest.json").unlink()
    (folder / "report.html").unlink()
    report("--resume")
    assert (folder / "report.html").read_bytes() == whole


def test_manifest_replays_a_report(report: Any, tmp_path: Path) -> None:
    report("--title", "replayed")
    report("--overwrite", "--config", tmp_path / "report" / "manifest.json")
    assert read_manifest(tmp_path / "report")["config"]["title"] == "replayed"


def test_missing_and_incomplete_artifacts_are_input_errors(run: Any, tmp_path: Path) -> None:
    output = ("-o", tmp_path / "report")
    assert "not found" in run("report", tmp_path / "gone", *output, code=3).stderr
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "progress.json").write_text(json.dumps({"command": ["vstc", "predict", "x"]}))
    done = run("report", begun, *output, code=3)
    assert "incomplete" in done.stderr
    assert "vstc predict x --resume" in done.stderr
    assert not (tmp_path / "report").exists()


def test_what_is_missing_is_told_on_stderr_and_in_json(
    run: Any, project: Made, tmp_path: Path
) -> None:
    predictions = shutil.copytree(project.baseline["predictions"], tmp_path / "predictions")
    (predictions / "c0" / "001.png").write_bytes(b"no picture")
    done = run("report", predictions, "-o", tmp_path / "report", "--json")
    assert "label is not readable" in done.json["notes"][0]
    assert "warning: No pictures of baseline: label is not readable" in done.stderr
    again = run("report", predictions, "-o", tmp_path / "report", "--json", "--resume")
    assert again.json == done.json


def test_bad_flags_are_config_errors(report: Any, project: Made) -> None:
    assert "NAME=ARTIFACT" in report("--name", "x", code=2).stderr
    assert "not in the report" in report("--name", f"x={project.dataset}", code=2).stderr
    assert "choose one of" in report("--set", "titel=x", code=2).stderr
    assert "title" in report("--title", "", code=2).stderr


def test_missing_matplotlib_is_a_setup_error(
    report: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    done = report(code=5)
    assert 'pip install "vstc[report]"' in done.stderr
    assert not (tmp_path / "report").exists()


def test_command_module_is_light() -> None:
    code = "import sys, vstc.commands.report; sys.exit(bool({'numpy','jinja2'} & set(sys.modules)))"
    import subprocess

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
