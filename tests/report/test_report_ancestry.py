"""The chain of commands behind a report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.report.factory import make_dataset, make_other, make_run
from vstc.report.ancestry import trace_steps
from vstc.report.sources import open_sources


def test_parents_come_before_children_and_every_step_once(project: Any) -> None:
    ancestry = trace_steps(open_sources([project.student["metrics"], project.baseline["metrics"]]))
    folders = [step.path.name for step in ancestry.steps]
    assert len(folders) == len(set(folders)) == 7
    for child, parent in (
        ("student", "data"),
        ("predict-student", "student"),
        ("eval-student", "predict-student"),
        ("eval-baseline", "predict-baseline"),
    ):
        assert folders.index(parent) < folders.index(child)
    assert ancestry.faults == ()


def test_commands_and_times_of_ancestors_are_shown(project: Any, page: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data", frames=3, clips=1)
    retell(dataset, command=["vstc", "data", "synth", "-o", "a b"], seconds=7200.0)
    run = make_run(tmp_path / "run", dataset, steps=3)
    retell(run, command=["vstc", "teacher", "train", "data"], seconds=90.0)
    read = page(run)
    first, second = read.text.index("vstc data synth -o 'a b'"), read.text.index("vstc teacher")
    assert first < second
    assert "Steps, 2.0 h together" in read.text
    assert read.row("python")[1]


def test_changed_parent_is_told(page: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data", frames=3, clips=1)
    run = make_run(tmp_path / "run", dataset, steps=3)
    shutil.rmtree(dataset)
    make_dataset(dataset, frames=4, clips=1)
    assert "was made anew after run had used it" in page(run).text


def test_incomplete_parent_is_told(page: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data", frames=3, clips=1)
    run = make_run(tmp_path / "run", dataset, steps=3)
    (dataset / "manifest.json").write_text("{")
    assert "manifest is not readable" in page(run).text


def test_versions_that_differ_are_told_apart(page: Any, tmp_path: Path) -> None:
    old, new = make_other(tmp_path / "old"), make_other(tmp_path / "new", a=1)
    retell(old, versions={"torch": "1.0"})
    retell(new, versions={"torch": "2.0"})
    assert page(old, new).row("torch")[1] == "1.0 (old); 2.0 (new)"


def retell(folder: Path, **changes: Any) -> None:
    """Change what a manifest says without changing its id."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
