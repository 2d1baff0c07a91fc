"""DAVIS and folders laid out like it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vstc.data.check import check_dataset
from vstc.data.index.davis import find_davis
from vstc.data.index.source import Indexed
from vstc.data.labels import read_label_ids
from vstc.errors import InputError
from vstc.formats.dataset import Dataset
from vstc.formats.images import encode_labels, encode_rgb

PALETTE = np.arange(768, dtype=np.uint8).reshape(256, 3)


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def put_frame(path: Path, *, width: int = 12) -> None:
    put(path, encode_rgb(np.full((8, width, 3), 90, np.uint8)))


def put_mask(path: Path, *, width: int = 12) -> None:
    ids = np.zeros((8, width), np.uint8)
    ids[2:4, 3:6], ids[5:7, 3:9] = 1, 2
    put(path, encode_labels(ids, PALETTE))


def make_davis(root: Path, *, names: tuple[str, ...] = ("bear", "bus", "camel")) -> Path:
    for name in names:
        for index in range(3):
            put_frame(root / "JPEGImages/480p" / name / f"{index:05d}.png")
            put_mask(root / "Annotations/480p" / name / f"{index:05d}.png")
    put(root / "ImageSets/2017/train.txt", b"bear\nbus\n")
    put(root / "ImageSets/2017/val.txt", b"camel\n")
    put(root / "ImageSets/2017/trainval.txt", b"bear\nbus\ncamel\n")
    put(root / "ImageSets/2016/train.txt", b"camel\n")
    return root


def index(root: Path) -> Indexed:
    return find_davis(root).build(lambda _: None)


def test_sequences_have_the_splits_of_the_lists_that_name_most(tmp_path: Path) -> None:
    found = index(make_davis(tmp_path))
    assert [(c.id, c.split) for c in found.clips] == [
        ("bear", "train"),
        ("bus", "train"),
        ("camel", "val"),
    ]
    first = found.clips[0]
    assert (first.fps, first.frame_step) == (24.0, 1)
    assert first.labels["00001"] == "Annotations/480p/bear/00001.png"
    assert first.instances == first.labels


def test_lists_of_files_name_sequences_too(tmp_path: Path) -> None:
    root = make_davis(tmp_path, names=("bear",))
    line = b"/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png\n"
    put(root / "ImageSets/2018/test.txt", line * 3)
    assert [clip.split for clip in index(root).clips] == ["test"]


def test_labels_are_background_and_object(tmp_path: Path) -> None:
    source = find_davis(make_davis(tmp_path))
    out = tmp_path / "out"
    dataset = Dataset(source.record(source.build(lambda _: None), out), out)
    ids = read_label_ids(dataset, dataset.clips[0], 0)
    assert [entry.name for entry in dataset.classes] == ["background", "object"]
    assert (ids == 1).sum() == 6 + 12


def test_folders_of_frames_and_masks_are_read_and_pass_the_check(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in (0, 5, 10):
            put_frame(tmp_path / name / "frames" / f"{number:05d}.png")
        put_mask(tmp_path / name / "masks" / "00005.png")
    source = find_davis(tmp_path)
    found = source.build(lambda _: None)
    assert [(c.id, c.frame_step, list(c.labels)) for c in found.clips] == [
        ("a", 5, ["00005"]),
        ("b", 5, ["00005"]),
    ]
    assert "frames without a mask, first: a" in found.remarks[0]
    dataset = Dataset(source.record(found, tmp_path / "out"), tmp_path / "out")
    assert check_dataset(dataset, dataset.clips, workers=1).faults == []


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    root = make_davis(tmp_path)
    put_mask(root / "Annotations/480p/bus/00002.png", width=11)
    with pytest.raises(InputError, match=r"bus/00002.png is 11x8, its frame 12x8"):
        index(root)


def test_a_mask_without_its_frame_is_refused(tmp_path: Path) -> None:
    root = make_davis(tmp_path)
    (root / "JPEGImages/480p/bus/00002.png").unlink()
    with pytest.raises(InputError, match=r"sequence bus: 1 mask\(s\) have no frame"):
        find_davis(root)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no sequences with masks"):
        find_davis(tmp_path)
    with pytest.raises(InputError, match="holds no sequences with masks"):
        find_davis(tmp_path / "missing")


def test_the_real_sequences_are_found(real_data: Path) -> None:
    found = find_davis(real_data / "instances" / "davis2016")
    assert found.units == 527
    with pytest.raises(InputError, match="is 853x480, its frame 854x480"):
        index_of_judo(real_data)


def index_of_judo(real_data: Path) -> None:
    place = real_data / "instances"
    source = find_davis(place)
    assert source.units == 4 + 60 + 5
    source.build(lambda _: None)
