"""YouTube-VIS as its archives unpack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vstc.data.index.source import Indexed
from vstc.data.index.youtube_vis import find_youtube_vis
from vstc.errors import InputError
from vstc.formats.images import encode_rgb

FRAME = encode_rgb(np.zeros((4, 6, 3), np.uint8))


def content(video: str, *, names: tuple[str, ...] = ("person", "giant_panda")) -> dict[str, Any]:
    frames = [f"{video}/{number:05d}.jpg" for number in (0, 5, 10)]
    return {
        "videos": [{"id": 1, "width": 6, "height": 4, "length": 3, "file_names": frames}],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
        "annotations": None,
    }


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def put_split(root: Path, split: str, video: str, file: str, images: str, **changes: Any) -> None:
    value = content(video, **changes)
    put(root / file, json.dumps(value).encode())
    for name in value["videos"][0]["file_names"]:
        put(root / images / name, FRAME)


def index(root: Path) -> Indexed:
    return find_youtube_vis(root).build(lambda _: None)


@pytest.mark.parametrize(
    ("train", "images"),
    [
        ("train/instances.json", "train/JPEGImages"),
        ("train.json", "train/JPEGImages"),
        ("instances_train_sub.json", "JPEGImages"),
    ],
)
def test_layouts_of_both_years_are_read(train: str, images: str, tmp_path: Path) -> None:
    put_split(tmp_path, "train", "0043f0", train, images)
    put_split(tmp_path, "valid", "00f88c", "valid/instances.json", "valid/JPEGImages")
    found = index(tmp_path)
    assert [(c.id, c.split, c.fps, c.frame_step) for c in found.clips] == [
        ("0043f0", "train", 30.0, 5),
        ("00f88c", "valid", 30.0, 5),
    ]
    assert found.clips[0].frames[1] == f"{images}/0043f0/00005.jpg"
    assert found.clips[0].is_consecutive
    names = [entry.name for entry in found.table.classes]
    assert names == ["background", "person", "giant_panda"]
    assert "vstc instances import" in found.remarks[0]


def test_missing_frames_and_other_classes_are_refused(tmp_path: Path) -> None:
    put_split(tmp_path, "train", "a", "train/instances.json", "train/JPEGImages")
    other = ("person", "dog")
    put_split(tmp_path, "valid", "b", "valid/instances.json", "valid/JPEGImages", names=other)
    with pytest.raises(InputError, match="has other categories than"):
        find_youtube_vis(tmp_path)
    (tmp_path / "valid/instances.json").unlink()
    (tmp_path / "train/JPEGImages/a/00005.jpg").unlink()
    with pytest.raises(InputError, match="1 file.s. that are missing"):
        find_youtube_vis(tmp_path)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not YouTube-VIS"):
        find_youtube_vis(tmp_path)
    put(tmp_path / "train/instances.json", b'{"videos": [], "categories": []}')
    (tmp_path / "train/JPEGImages").mkdir()
    with pytest.raises(InputError, match="names no videos"):
        find_youtube_vis(tmp_path)
