"""One writer per folder, and a dead one stands in nobody's way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vstc.artifacts.lock import LOCK, FolderLock
from vstc.errors import OutputError

HOLD = """
import sys, time
from pathlib import Path
from vstc.artifacts.lock import FolderLock
with FolderLock(Path(sys.argv[1])):
    {fork}
    sys.stdout.write("held\\n"); sys.stdout.flush()
    time.sleep(60)
"""
FORK = """import os; ready, says = os.pipe(); child = os.fork()
    if child == 0:
        os.write(says, b"x")
        time.sleep(60)
    os.read(ready, 1)
    sys.stdout.write(f"{child} ")"""


def hold(folder: Path, *, fork: str = "pass") -> tuple[subprocess.Popen[str], str]:
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(fork=fork), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    return owner, owner.stdout.readline()


def test_lock_file_names_the_owner_and_goes_away(tmp_path: Path) -> None:
    with FolderLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_lock_of_a_live_process_is_refused_and_its_owner_named(tmp_path: Path) -> None:
    owner, _ = hold(tmp_path)
    try:
        with pytest.raises(OutputError, match=f"written by process {owner.pid} on "):
            FolderLock(tmp_path).__enter__()
    finally:
        owner.kill()
        owner.wait()


def test_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    owner, _ = hold(tmp_path)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert (tmp_path / LOCK).exists()
    with FolderLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_forked_children_do_not_keep_the_lock_of_a_killed_owner(tmp_path: Path) -> None:
    owner, said = hold(tmp_path, fork=FORK)
    child = int(said.split()[0])
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    try:
        os.kill(child, 0)
        with FolderLock(tmp_path):
            assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    finally:
        os.kill(child, signal.SIGKILL)


def test_unreadable_lock_file_does_not_hide_the_refusal(tmp_path: Path) -> None:
    owner, _ = hold(tmp_path)
    (tmp_path / LOCK).write_text("not json")
    try:
        with pytest.raises(OutputError, match="written by another process"):
            FolderLock(tmp_path).__enter__()
    finally:
        owner.kill()
        owner.wait()


def test_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        FolderLock(tmp_path / "absent").__enter__()
