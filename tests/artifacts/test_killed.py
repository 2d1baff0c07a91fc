"""A writer that is killed at any moment: nothing looks complete that is not, and all is mended."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WRITER = Path(__file__).with_name("killed_writer.py")
Points = list[dict[str, Any]]
NAMES = ["top.bin", "clip/a.bin", "clip/b.bin", "other/c.bin"]


def expected(config_name: str) -> dict[str, str]:
    return {
        name: hashlib.sha256(json.dumps([name, {"name": config_name}]).encode() * 50).hexdigest()[
            :8
        ]
        for name in NAMES
    }


@pytest.fixture(scope="module")
def points(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Points:
    """What was left and mended for each point where the writer was killed."""
    folder, scene = tmp_path_factory.mktemp("killed"), request.param
    done = subprocess.run(
        [sys.executable, str(WRITER), str(folder), scene], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    points = [json.loads(line) for line in done.stdout.splitlines()]
    assert [point["killed"] for point in points] == [True] * (len(points) - 1) + [False]
    assert len(points) > 20
    return points


def assert_never_looks_complete_when_it_is_not(point: dict[str, Any]) -> None:
    left = point["left"]
    whole = (expected("new"), expected("old"))
    if left["id"] is not None:
        payload = {name: left["files"].get(name) for name in NAMES}
        assert payload in whole
        assert left["faults"] == []
    for name in NAMES:  # a file that bears its name is never a half
        assert left["files"].get(name) in {None, *(content[name] for content in whole)}


@pytest.mark.parametrize("points", ["fresh", "over complete", "over begun"], indirect=True)
def test_overwriting_after_a_kill_gives_the_new_artifact(points: Points) -> None:
    for point in points:
        assert_never_looks_complete_when_it_is_not(point)
        assert point["overwrite"] == "done"
        assert point["overwritten"]["files"] == expected("new")
        assert point["overwritten"]["faults"] == []


@pytest.mark.parametrize("points", ["fresh"], indirect=True)
def test_resuming_a_killed_run_equals_one_that_was_never_killed(points: Points) -> None:
    undisturbed = points[-1]["left"]
    for point in points:
        assert point["resume"] == "done"
        resumed = dict(point["resumed"])
        resumed["files"].pop("progress.json", None)
        assert resumed == undisturbed


@pytest.mark.parametrize("points", ["over complete", "over begun"], indirect=True)
def test_resuming_a_killed_overwrite_never_mixes_old_and_new(points: Points) -> None:
    outcomes = set()
    for point in points:
        outcomes.add(point["resume"])
        if point["resume"] == "done":
            payload = {name: point["resumed"]["files"].get(name) for name in NAMES}
            assert payload == expected("new")
    refused = "OUT was begun with other settings: name ('old' then, 'new' now)"
    assert outcomes == {"done", refused}
