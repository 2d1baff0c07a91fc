"""Reading manifests: missing, incomplete, foreign, newer, of another kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vstc.artifacts.manifest import (
    InputRef,
    artifact_id,
    environment,
    input_ref,
    read_manifest,
    resume_command,
)
from vstc.artifacts.workspace import open_artifact
from vstc.errors import InputError


def make(folder: Path, *, kind: str = "vstc.flow", **config: Any) -> Path:
    with open_artifact(folder, kind=kind, config=config) as workspace:
        workspace.write_bytes("data.bin", b"payload")
        workspace.finish()
    return folder


def test_manifest_holds_what_is_needed_to_judge_and_repeat_a_run(tmp_path: Path) -> None:
    manifest = read_manifest(make(tmp_path / "a", seed=3), kind="vstc.flow")
    assert manifest["config"] == {"seed": 3}
    assert manifest["seed"] == 3
    assert manifest["command"][0] == "vstc"
    assert manifest["outputs"][0]["path"] == "data.bin"
    assert {"python", "vstc", "torch", "numpy", "h5py"} <= set(manifest["versions"])
    assert manifest["peak_memory_bytes"] > 1_000_000
    assert manifest["started"] <= manifest["finished"]
    assert manifest["host"]["cores"] >= 1


def test_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="vstc.flow not found"):
        read_manifest(tmp_path / "absent", kind="vstc.flow")


def test_folder_without_manifest_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has no manifest.json"):
        read_manifest(tmp_path)


def test_incomplete_artifact_names_the_command_that_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["vstc", "flow", "precompute", "my data", "--overwrite", "-o", "x"]
    monkeypatch.setattr("sys.argv", argv)
    with open_artifact(tmp_path / "x", kind="vstc.flow", config={}):
        pass
    with pytest.raises(InputError, match="vstc.flow is incomplete") as caught:
        read_manifest(tmp_path / "x", kind="vstc.flow")
    assert caught.value.hint == "vstc flow precompute 'my data' -o x --resume"


def test_resume_command_says_resume_once() -> None:
    assert resume_command(["vstc", "demo", "--resume"]) == "vstc demo --resume"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": "x", "kind": "k"}'])
def test_broken_manifest_is_an_input_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="manifest is not readable"):
        read_manifest(tmp_path)


def test_binary_manifest_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="manifest is not readable"):
        read_manifest(tmp_path)


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a") / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))
    with pytest.raises(InputError, match="schema version 2, this vstc reads up to 1"):
        read_manifest(tmp_path / "a")


def test_other_kind_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "a")
    with pytest.raises(InputError, match="is a vstc.flow, but a vstc.checkpoint is needed here"):
        input_ref("teacher", tmp_path / "a", kind="vstc.checkpoint")


def test_id_ignores_the_paths_of_inputs_but_not_their_ids_and_roles() -> None:
    def with_ref(**changes: str) -> str:
        facts = {"role": "flow", "path": "a", "kind": "vstc.flow", "id": "1"} | changes
        return artifact_id("vstc.x", {"k": 1}, [InputRef(**facts)], [])

    assert with_ref() == with_ref(path="elsewhere/b")
    assert len({with_ref(), with_ref(id="2"), with_ref(role="teacher")}) == 3


def test_environment_is_plain_json() -> None:
    facts = environment()
    assert json.loads(json.dumps(facts)) == facts
