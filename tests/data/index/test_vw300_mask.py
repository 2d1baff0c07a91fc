"""300VW-Mask, with labels as ids and as colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vstc.data.index.source import Indexed
from vstc.data.index.vw300_mask import Vw300Settings, find_vw300_mask
from vstc.errors import InputError
from vstc.formats.images import encode_gray, encode_labels, encode_rgb, read_labels

IDS = np.tile(np.arange(5, dtype=np.uint8), (4, 2))
PAINTED = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]], np.uint8)
PALETTE = np.arange(768, dtype=np.uint8).reshape(256, 3)
CODINGS = {
    "grey": encode_gray(IDS),
    "palette": encode_labels(IDS, PALETTE),
    "ones": encode_rgb(PAINTED[IDS]),
    "bright": encode_rgb(PAINTED[IDS] * np.uint8(255)),
}


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_faces(root: Path, label: bytes) -> Path:
    lists: dict[str, list[str]] = {"train_per10": [], "val_per10": []}
    for video, numbers in (("001", (1, 2, 3, 31, 32)), ("002", (7, 8))):
        for number in numbers:
            stem = f"{video}_{number:06d}"
            put(root / "images_orig" / f"{stem}.jpg", b"")
            put(root / "labels_orig" / f"{stem}.png", label)
            place = lists["val_per10" if video == "002" else "train_per10"]
            place.append(f"/images_orig/{stem}.jpg /labels_orig/{stem}.png")
    for name, lines in lists.items():
        text = "\n".join(reversed(lines)) + "\n"
        put(root / "data_splits/split_1" / f"{name}.txt", text.encode())
    return root


def index(root: Path, lists: str = "split_1") -> Indexed:
    return find_vw300_mask(root, Vw300Settings(lists=lists)).build(lambda _: None)


def test_frames_that_follow_one_another_are_a_clip(tmp_path: Path) -> None:
    found = index(make_faces(tmp_path, CODINGS["grey"]))
    assert [(c.id, c.split, len(c.frames), c.frame_step) for c in found.clips] == [
        ("001_000001", "train", 3, 1),
        ("001_000031", "train", 2, 1),
        ("002_000007", "val", 2, 1),
    ]
    assert found.clips[0].labels["001_000002"] == "labels_orig/001_000002.png"


@pytest.mark.parametrize("coding", CODINGS)
def test_labels_give_the_same_ids_however_they_are_coded(coding: str, tmp_path: Path) -> None:
    root = make_faces(tmp_path, CODINGS[coding])
    table = index(root).table
    names = ["background", "face", "eyes", "outer_mouth", "inner_mouth"]
    assert [entry.name for entry in table.classes] == names
    label = root / "labels_orig/001_000001.png"
    np.testing.assert_array_equal(read_labels(label, table.classes), IDS)


def test_a_black_label_does_not_decide(tmp_path: Path) -> None:
    root = make_faces(tmp_path, CODINGS["bright"])
    put(root / "labels_orig/001_000001.png", encode_rgb(np.zeros((4, 10, 3), np.uint8)))
    assert index(root).table.classes[1].color == (255, 0, 0)


def test_two_codings_at_once_and_strange_values_are_refused(tmp_path: Path) -> None:
    root = make_faces(tmp_path, CODINGS["bright"])
    put(root / "labels_orig/002_000007.png", CODINGS["grey"])
    with pytest.raises(InputError, match="coded in two ways"):
        index(root)
    put(root / "labels_orig/002_000007.png", encode_gray(IDS + np.uint8(3)))
    with pytest.raises(InputError, match="ids up to 7, which are none of 300VW-Mask"):
        index(root)


def test_all_frames_can_be_taken_without_lists(tmp_path: Path) -> None:
    root = make_faces(tmp_path, CODINGS["grey"])
    with pytest.raises(InputError, match="no lists of splits"):
        index(root, "split_2")
    assert [clip.split for clip in index(root, "none").clips] == ["all"] * 3


def test_missing_files_and_broken_lists_are_refused(tmp_path: Path) -> None:
    root = make_faces(tmp_path, CODINGS["grey"])
    (root / "labels_orig/002_000007.png").unlink()
    with pytest.raises(InputError, match="1 file.s. that are missing"):
        index(root)
    put(root / "data_splits/split_1/train_per10.txt", b"/images_orig/001_000001.jpg\n")
    with pytest.raises(InputError, match="line 1 is not an image and a label"):
        index(root)
    with pytest.raises(InputError, match="is not 300VW-Mask"):
        find_vw300_mask(tmp_path / "missing")
