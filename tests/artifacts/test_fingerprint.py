"""Identity depends on content and names, not on time, place or order."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vstc.artifacts.fingerprint import file_sha256, fingerprint_files, identity, list_outputs

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_identity_ignores_the_order_of_keys(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert identity(value) == identity(turned)
    assert len(identity(value)) == 16


def test_identity_is_the_same_in_every_version() -> None:
    assert identity({"a": [1, 2.5, None, "ü"]}) == "30dc0108ceea6102"


def fill(folder: Path) -> Path:
    (folder / "clip" / "deep").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"alpha")
    (folder / "timing.json").write_bytes(b"1.25")
    (folder / "clip" / "b.bin").write_bytes(b"beta")
    (folder / "clip" / "deep" / "c.bin").write_bytes(b"gamma")
    for name in ("manifest.json", "progress.json", ".lock", ".a.bin.7.partial"):
        (folder / name).write_text("bookkeeping")
    (folder / "clip" / ".b.bin.7.partial").write_text("left over")
    return folder


def test_outputs_list_files_and_folders_without_bookkeeping(tmp_path: Path) -> None:
    rows = list_outputs(fill(tmp_path), volatile=["timing.json"])
    assert [row["path"] for row in rows] == ["a.bin", "clip/", "timing.json"]
    assert rows[0]["bytes"] == 5
    assert rows[0]["sha256"] == file_sha256(tmp_path / "a.bin")
    assert (rows[1]["files"], rows[1]["bytes"]) == (2, 9)
    assert rows[2] == {"path": "timing.json"}


def test_outputs_do_not_depend_on_place_or_time(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one"), fill(tmp_path / "two")
    for path in two.rglob("*"):
        os.utime(path, (0, 0))
    assert list_outputs(one) == list_outputs(two)


def test_outputs_see_a_changed_a_moved_and_a_new_file(tmp_path: Path) -> None:
    before = list_outputs(fill(tmp_path))
    (tmp_path / "clip" / "deep" / "c.bin").write_bytes(b"Gamma")
    changed = list_outputs(tmp_path)
    (tmp_path / "clip" / "deep" / "c.bin").write_bytes(b"gamma")
    (tmp_path / "clip" / "b.bin").rename(tmp_path / "clip" / "deep" / "b.bin")
    moved = list_outputs(tmp_path)
    assert before[1] != changed[1]
    assert before[1] != moved[1]
    assert before[0] == changed[0] == moved[0]


def test_large_files_enter_by_their_size_alone(tmp_path: Path) -> None:
    with (tmp_path / "large.h5").open("wb") as stream:
        stream.truncate(64 * 1024 * 1024 + 1)
    assert list_outputs(tmp_path) == [{"path": "large.h5", "bytes": 64 * 1024 * 1024 + 1}]


def test_raw_files_are_known_by_names_and_sizes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"4")
    known = fingerprint_files(tmp_path, ["a", "b"])
    assert known == fingerprint_files(tmp_path, ["b", "a"])
    (tmp_path / "a").write_bytes(b"321")
    assert known == fingerprint_files(tmp_path, ["a", "b"])
    (tmp_path / "a").write_bytes(b"12")
    assert known != fingerprint_files(tmp_path, ["a", "b"])
    assert fingerprint_files(tmp_path, ["gone"]) != fingerprint_files(tmp_path, [])
