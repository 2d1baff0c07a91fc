"""Ancestry: what an artifact was made from, and whether it still stands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from vstc.artifacts.lineage import trace
from vstc.artifacts.manifest import InputRef, input_ref
from vstc.artifacts.workspace import open_artifact
from vstc.errors import InputError
from vstc.options import ExistingOutput

Run = Callable[..., Any]


def make(folder: Path, *, data: bytes = b"data", inputs: Sequence[InputRef] = ()) -> Path:
    existing = ExistingOutput.OVERWRITE
    with open_artifact(
        folder, kind="vstc.thing", config={}, inputs=inputs, existing=existing
    ) as work:
        work.write_bytes("data.bin", data)
        work.write_bytes("timing.json", str(id(work)).encode())
        work.finish(volatile=["timing.json"], metrics={"miou": 0.5})
    return folder


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Three artifacts: ``flow`` and ``teacher`` (from flow) are the parents of ``student``."""
    make(tmp_path / "flow")
    make(tmp_path / "teacher", inputs=[input_ref("flow", tmp_path / "flow")])
    inputs = [
        input_ref("flow", tmp_path / "flow"),
        input_ref("teacher", tmp_path / "teacher"),
    ]
    make(tmp_path / "student", inputs=inputs)
    return tmp_path


def test_whole_chain_is_found_without_faults(chain: Path) -> None:
    lineage = trace(chain / "student")
    assert [parent.role for parent in lineage.parents] == ["flow: ", "teacher: "]
    assert lineage.parents[1].parents[0].kind == "vstc.thing"
    assert lineage.all_faults() == []
    assert lineage.metrics == {"miou": 0.5}


def test_changed_file_of_the_artifact_is_a_fault(chain: Path) -> None:
    (chain / "student" / "data.bin").write_bytes(b"DATA")
    assert trace(chain / "student").faults == [f"{chain / 'student' / 'data.bin'} has changed"]


def test_missing_file_of_a_grandparent_is_a_fault(chain: Path) -> None:
    (chain / "flow" / "data.bin").unlink()
    faults = trace(chain / "student").all_faults()
    assert len(faults) == 2
    assert all(fault.endswith("data.bin is missing") for fault in faults)


def test_volatile_file_may_change(chain: Path) -> None:
    (chain / "student" / "timing.json").write_text("other")
    assert trace(chain / "student").all_faults() == []


def test_parent_made_anew_with_other_content_is_a_fault(chain: Path) -> None:
    make(chain / "flow", data=b"other")
    faults = trace(chain / "student").all_faults()
    assert faults
    assert "has changed since it was used" in faults[0]


def test_parent_made_anew_with_the_same_content_is_none(chain: Path) -> None:
    make(chain / "flow")
    assert trace(chain / "student").all_faults() == []


def test_parent_that_is_gone_or_half_written_is_a_fault(chain: Path) -> None:
    shutil.rmtree(chain / "flow")
    assert "flow is gone" in trace(chain / "student").all_faults()[0]
    with open_artifact(chain / "flow", kind="vstc.thing", config={}):
        pass
    assert "incomplete" in trace(chain / "student").all_faults()[0]


def test_chain_moved_as_a_whole_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").mkdir()
    monkeypatch.chdir(tmp_path / "old")
    make(Path("runs/flow"))
    make(Path("runs/student"), inputs=[input_ref("flow", Path("runs/flow"))])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").rename(tmp_path / "new")
    make(Path("runs/flow"), data=b"another project's flow of the same name")
    lineage = trace(Path("new/runs/student"))
    assert lineage.all_faults() == []
    assert lineage.parents[0].path == "new/runs/flow"


def test_raw_input_is_shown_and_missed_when_gone(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    ref = InputRef(role="data", path=str(tmp_path / "raw"), kind="raw", id="0")
    make(tmp_path / "x", inputs=[ref])
    assert trace(tmp_path / "x").all_faults() == []
    (tmp_path / "raw").rmdir()
    assert trace(tmp_path / "x").all_faults() == [f"data is gone: {tmp_path / 'raw'}"]


def test_manifest_without_needed_keys_is_an_input_error(tmp_path: Path) -> None:
    manifest = {"kind": "vstc.x", "schema_version": 1, "id": "0"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="manifest is not complete"):
        trace(tmp_path)


def test_info_prints_kind_id_command_and_parents(chain: Path, run: Run) -> None:
    shown = run("info", chain / "student").stdout
    lineage = trace(chain / "student")
    assert f"[vstc.thing {lineage.id}]" in shown
    assert "teacher: " in shown
    assert "miou: 0.5" in shown


def test_info_leaves_with_6_when_something_has_changed(chain: Path, run: Run) -> None:
    (chain / "flow" / "data.bin").write_bytes(b"DATA")
    done = run("info", chain / "student", "--json", code=6)
    assert done.json["parents"][0]["faults"] == [f"{chain / 'flow' / 'data.bin'} has changed"]
    assert "data.bin has changed" in done.stderr


def test_info_of_nothing_leaves_with_3(tmp_path: Path, run: Run) -> None:
    assert run("info", tmp_path / "absent", code=3).stdout == ""


def test_info_without_artifact_shows_the_environment(run: Run) -> None:
    facts = run("info", "--json").json
    assert facts["versions"]["vstc"] == "0.1.0"
    assert facts["cpu_threads"] >= 1
    assert "versions.torch" in run("info").stdout
