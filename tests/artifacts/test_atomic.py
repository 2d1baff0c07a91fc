"""Atomic writes: old or new, never a half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vstc.artifacts.atomic import (
    atomic_path,
    atomic_write_bytes,
    atomic_write_json,
    is_partial,
    remove_partials,
)
from vstc.errors import OutputError


def test_write_makes_the_folder_and_leaves_nothing_beside(tmp_path: Path) -> None:
    atomic_write_bytes(tmp_path / "a" / "b.bin", b"one")
    atomic_write_bytes(tmp_path / "a" / "b.bin", b"two")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"two"
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["b.bin"]


def test_json_is_sorted_and_indented_by_two(tmp_path: Path) -> None:
    atomic_write_json(tmp_path / "x.json", {"b": 1, "a": [None]})
    text = (tmp_path / "x.json").read_text()
    assert text == '{\n  "a": [\n    null\n  ],\n  "b": 1\n}\n'


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path: Path) -> None:
    atomic_write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic_write_json(tmp_path / "x.json", {"a": float("nan")})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


def test_failing_body_keeps_the_old_file_and_removes_the_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as partial:
            partial.write_text("half")
            raise KeyError

    pytest.raises(KeyError, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_an_output_error_with_the_way_out(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("old")

    def write() -> None:
        with atomic_path(target) as partial:
            partial.symlink_to("/dev/full")
            partial.write_bytes(b"more")

    with pytest.raises(OutputError, match="the disk is full") as caught:
        write()
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_file_size_limit_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_text("old")
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from vstc.artifacts.atomic import atomic_write_bytes\n"
        "from vstc.errors import OutputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: atomic_write_bytes(Path(sys.argv[1]), bytes(5000))\n"
        "except OutputError as error: print(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, target], capture_output=True, text=True)
    assert done.stdout == f"cannot write {target}: File too large\n"
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_parent_that_is_a_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        atomic_write_bytes(tmp_path / "file" / "x", b"")


def test_concurrent_readers_never_see_a_half(tmp_path: Path) -> None:
    target = tmp_path / "x"
    size = 200_000
    atomic_write_bytes(target, b"a" * size)
    seen: list[set[int]] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            data = target.read_bytes()
            seen.append({len(data), *set(data[:: size // 10])})

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for round_index in range(60):
        atomic_write_bytes(target, (b"b" if round_index % 2 else b"c") * size)
    is_over.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 2
    assert all(len(facts) == 2 and size in facts for facts in seen)


def test_remove_partials_takes_only_what_writers_left(tmp_path: Path) -> None:
    keep = [tmp_path / "x.partial", tmp_path / ".hidden", tmp_path / "clip" / "y.png"]
    left = [tmp_path / f".x.{os.getpid()}.partial", tmp_path / "clip" / ".y.png.77.partial"]
    (tmp_path / "clip").mkdir()
    for path in keep + left:
        path.write_text("")
    remove_partials(tmp_path)
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(keep)
    assert [is_partial(path.name) for path in keep + left] == [False, False, False, True, True]
