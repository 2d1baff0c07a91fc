"""The output folder of a command: refused, resumed or renewed; complete only at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vstc.artifacts import workspace as workspace_module
from vstc.artifacts.manifest import InputRef, read_manifest
from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.errors import ConfigError, InputError, OutputError
from vstc.options import ExistingOutput, existing_output

KIND = "vstc.thing"


def make(output: Path, *, kind: str = KIND, data: bytes = b"data", **options: Any) -> str:
    options.setdefault("config", {"seed": 1, "loss": {"tl": 0.1}})
    with open_artifact(output, kind=kind, **options) as work:
        if not work.is_complete:
            work.write_bytes("clip/data.bin", data)
            work.write_bytes("timing.json", os.urandom(8))
            work.finish(volatile=["timing.json"])
    assert work.manifest is not None
    return str(work.manifest["id"])


def test_manifest_is_written_last(tmp_path: Path) -> None:
    with open_artifact(tmp_path / "x", kind=KIND, config={}) as work:
        work.write_bytes("data.bin", b"1")
        assert not work.is_complete
        assert {entry.name for entry in work.path.iterdir()} == {
            "data.bin",
            "progress.json",
            ".lock",
        }
        manifest = work.finish()
        assert work.is_complete
    assert {e.name for e in (tmp_path / "x").iterdir()} == {"data.bin", "manifest.json"}
    assert read_manifest(tmp_path / "x") == manifest


def test_failing_body_keeps_finished_files_and_no_manifest(tmp_path: Path) -> None:
    def fail() -> None:
        with open_artifact(tmp_path / "x", kind=KIND, config={}) as work:
            work.write_bytes("one.bin", b"1")
            with work.atomic("two.bin") as partial:
                partial.write_bytes(b"half")
                raise RuntimeError

    pytest.raises(RuntimeError, fail)
    assert {e.name for e in (tmp_path / "x").iterdir()} == {"one.bin", "progress.json"}


def test_id_is_independent_of_time_place_and_timing(tmp_path: Path) -> None:
    ids = {make(tmp_path / "a"), make(tmp_path / "b" / "c")}
    assert len(ids) == 1


def test_id_depends_on_content_settings_kind_and_inputs(tmp_path: Path) -> None:
    ref = InputRef(role="data", path="d", kind="raw", id="1")
    ids = {
        make(tmp_path / "a"),
        make(tmp_path / "b", data=b"Data"),
        make(tmp_path / "c", config={"seed": 2, "loss": {"tl": 0.1}}),
        make(tmp_path / "d", kind="vstc.other"),
        make(tmp_path / "e", inputs=[ref]),
    }
    assert len(ids) == 5


def test_existing_output_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(OutputError, match="output exists") as caught:
        make(tmp_path / "x")
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint
    assert "--overwrite" in caught.value.hint


def test_begun_output_is_refused_and_said_to_be_incomplete(tmp_path: Path) -> None:
    with open_artifact(tmp_path / "x", kind=KIND, config={}):
        pass
    with pytest.raises(OutputError, match="was begun but is not complete"):
        make(tmp_path / "x")


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    make(tmp_path / "x")
    assert (tmp_path / "x" / "manifest.json").is_file()


@pytest.mark.parametrize("existing", list(ExistingOutput))
def test_foreign_folder_is_never_touched(tmp_path: Path, existing: ExistingOutput) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="is not empty and was not made by vstc"):
        make(tmp_path, existing=existing)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(OutputError, match="output is a file"):
        make(tmp_path / "x", existing=ExistingOutput.OVERWRITE)


def test_resume_of_a_complete_artifact_does_nothing(tmp_path: Path) -> None:
    make(tmp_path / "x")
    before = (tmp_path / "x" / "manifest.json").read_bytes()
    make(tmp_path / "x", existing=ExistingOutput.RESUME)
    assert (tmp_path / "x" / "manifest.json").read_bytes() == before


def test_resume_with_other_settings_names_every_differing_key(tmp_path: Path) -> None:
    ref = InputRef(role="flow", path="d", kind="vstc.flow", id="1")
    make(tmp_path / "x", inputs=[ref])
    with pytest.raises(OutputError, match="begun with other settings") as caught:
        make(
            tmp_path / "x",
            kind="vstc.other",
            config={"seed": 1, "loss": {"tl": 0.2, "pf": 0.1}},
            inputs=[InputRef(role="flow", path="d", kind="vstc.flow", id="2")],
            existing=ExistingOutput.RESUME,
        )
    for part in ("loss.tl (0.1 then, 0.2 now)", "loss.pf (None then, 0.1 now)", "kind"):
        assert part in caught.value.message
    assert "input flow" in caught.value.message
    assert "seed" not in caught.value.message


def test_resume_with_an_unreadable_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "progress.json").write_text("{")
    with pytest.raises(OutputError, match="is not readable"):
        make(tmp_path / "x", existing=ExistingOutput.RESUME)


def test_newer_manifest_is_refused_on_resume(tmp_path: Path) -> None:
    make(tmp_path / "x")
    path = tmp_path / "x" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    with pytest.raises(InputError, match="schema version 99"):
        make(tmp_path / "x", existing=ExistingOutput.RESUME)


def test_overwrite_starts_from_an_empty_folder(tmp_path: Path) -> None:
    make(tmp_path / "x")
    (tmp_path / "x" / "stale.bin").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept.bin").write_text("")
    (tmp_path / "x" / "link").symlink_to(tmp_path / "elsewhere")
    make(tmp_path / "x", config={"seed": 9}, existing=ExistingOutput.OVERWRITE)
    names = {entry.name for entry in (tmp_path / "x").iterdir()}
    assert names == {"clip", "timing.json", "manifest.json"}
    assert (tmp_path / "elsewhere" / "kept.bin").exists()


def test_overwrite_refuses_to_delete_its_own_input(tmp_path: Path) -> None:
    make(tmp_path / "x")
    ref = InputRef(role="dataset", path=str(tmp_path / "x"), kind=KIND, id="1")
    with pytest.raises(OutputError, match="would delete the input"):
        make(tmp_path / "x", inputs=[ref], existing=ExistingOutput.OVERWRITE)
    assert (tmp_path / "x" / "manifest.json").is_file()


def test_overwrite_refuses_to_delete_an_artifact_of_another_kind(tmp_path: Path) -> None:
    make(tmp_path / "run", kind="vstc.checkpoint")
    with pytest.raises(OutputError, match=r"is a vstc\.checkpoint and not a vstc\.thing"):
        make(tmp_path / "run", existing=ExistingOutput.OVERWRITE)
    assert read_manifest(tmp_path / "run", kind="vstc.checkpoint")


def test_overwrite_repairs_a_folder_whose_record_is_damaged(tmp_path: Path) -> None:
    make(tmp_path / "x")
    (tmp_path / "x" / "manifest.json").write_text("{")
    make(tmp_path / "x", existing=ExistingOutput.OVERWRITE)
    assert read_manifest(tmp_path / "x", kind=KIND)


def test_dry_check_writes_nothing(tmp_path: Path) -> None:
    check_output(tmp_path / "x", kind=KIND, config={})
    assert list(tmp_path.iterdir()) == []


def test_folder_that_was_written_while_we_waited_for_the_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_before_the_other_writer(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(workspace_module, "check_output", check_output)
        make(tmp_path / "x", config={"seed": 5})

    monkeypatch.setattr(workspace_module, "check_output", check_before_the_other_writer)
    with pytest.raises(OutputError, match="output exists"):
        make(tmp_path / "x")


def test_second_writer_is_refused_while_the_first_works(tmp_path: Path) -> None:
    with (
        open_artifact(tmp_path / "x", kind=KIND, config={}),
        pytest.raises(OutputError, match=f"being written by process {os.getpid()}"),
    ):
        make(tmp_path / "x", config={}, existing=ExistingOutput.RESUME)


def test_progress_is_recorded_with_command_settings_and_inputs(tmp_path: Path) -> None:
    ref = InputRef(role="flow", path="d", kind="vstc.flow", id="1")
    with open_artifact(tmp_path / "x", kind=KIND, config={"k": 1}, inputs=[ref]) as work:
        work.progress(3, 10, force=True)
        work.progress(4, 10)
        record = json.loads((work.path / "progress.json").read_text())
    assert (record["done"], record["total"]) == (3, 10)
    assert record["config"] == {"k": 1}
    assert record["inputs"] == [ref.as_json()]
    assert record["command"][0] == "vstc"


def test_workspace_tells_which_files_are_there(tmp_path: Path) -> None:
    with open_artifact(tmp_path / "x", kind=KIND, config={}) as work:
        work.write_json("a/b.json", {"k": 1})
        assert work.has("a/b.json")
        assert not work.has("a")
        assert not work.has("c.json")
        assert not work.is_resumed


def test_resume_and_overwrite_exclude_each_other() -> None:
    assert existing_output(resume=False, overwrite=False) is ExistingOutput.REFUSE
    assert existing_output(resume=True, overwrite=False) is ExistingOutput.RESUME
    assert existing_output(resume=False, overwrite=True) is ExistingOutput.OVERWRITE
    with pytest.raises(ConfigError, match="exclude each other"):
        existing_output(resume=True, overwrite=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs more rights")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(work: Workspace, count: int) -> None:
    for index in range(count):
        if not work.has(f"clip/{index}.bin"):
            work.write_bytes(f"clip/{index}.bin", bytes(100_000))


def test_full_disk_leaves_a_resumable_artifact(small_disk: Path) -> None:
    output = small_disk / "x"
    with (
        pytest.raises(OutputError, match="the disk is full") as caught,
        open_artifact(output, kind=KIND, config={}) as work,
    ):
        fill(work, 4)
    assert caught.value.hint == "free some space, then run again with --resume"
    sizes = {path.name: path.stat().st_size for path in (output / "clip").iterdir()}
    assert sizes == {"0.bin": 100_000, "1.bin": 100_000}
    with pytest.raises(InputError, match="incomplete"):
        read_manifest(output)

    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    with open_artifact(output, kind=KIND, config={}, existing=ExistingOutput.RESUME) as work:
        fill(work, 4)
        work.finish()
    assert read_manifest(output)["outputs"][0]["bytes"] == 400_000


def test_read_only_disk_is_an_output_error(small_disk: Path) -> None:
    (small_disk / "x").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for output in (small_disk / "x", small_disk / "y"):
        with pytest.raises(OutputError, match="Read-only file system"):
            make(output)


def test_full_disk_leaves_the_program_with_exit_code_4(small_disk: Path) -> None:
    script = (
        "import sys; from pathlib import Path; import typer; from vstc import cli\n"
        "from vstc.artifacts.workspace import open_artifact\n"
        "app = typer.Typer(cls=cli.ErrorGroup, pretty_exceptions_enable=False)\n"
        "app.callback()(lambda: None)\n"
        "@app.command('write')\n"
        "def write(output: Path) -> None:\n"
        "    with open_artifact(output, kind='vstc.thing', config={}) as work:\n"
        "        (work.path / 'log').write_bytes(bytes(1_000_000))\n"
        "app()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "write", str(small_disk / "x")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("error: the disk is full")
    assert "\n\nhint: free some space" in done.stderr
    assert done.stdout == ""
