"""Cityscapes as its archives unpack: splits, clips, label ids, and broken copies."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vstc.data.check import check_dataset
from vstc.data.index.cityscapes import find_cityscapes
from vstc.data.index.source import Indexed
from vstc.data.labels import read_label_ids, read_true_labels
from vstc.errors import InputError
from vstc.formats.dataset import Dataset, load_dataset, write_dataset
from vstc.formats.images import encode_gray, encode_rgb
from vstc.formats.label_encoding import LabelEncoding

# Label ids and what each is as a train id, from the table on the web page of Cityscapes.
LABEL_IDS = [0, 1, 4, 6, 7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
TRAIN_IDS = [255] * 4 + list(range(19))


def put(root: Path, name: str, data: bytes) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data)


def put_frame(root: Path, place: str, key: str) -> None:
    put(root, f"{place}/{key}_leftImg8bit.png", encode_rgb(np.full((4, 30, 3), 90, np.uint8)))


def put_label(root: Path, split: str, key: str, *, is_train_ids: bool) -> None:
    ids = np.zeros((4, 30), np.uint8)
    ids[1, : len(LABEL_IDS)] = TRAIN_IDS if is_train_ids else LABEL_IDS
    ids[0] = ids[2:] = 255 if is_train_ids else 3
    what = "labelTrainIds" if is_train_ids else "labelIds"
    put(root, f"gtFine/{split}/{key.split('_')[0]}/{key}_gtFine_{what}.png", encode_gray(ids))


def make_frames(root: Path, *, is_train_ids: bool = False) -> Path:
    """Write a few single frames of two splits with labels, and one of the test split."""
    for split, key in [
        ("train", "aachen_000000_000019"),
        ("train", "aachen_000001_000019"),
        ("train", "bochum_000000_000313"),
        ("val", "lindau_000000_000019"),
        ("test", "berlin_000000_000019"),
    ]:
        put_frame(root, f"leftImg8bit/{split}/{key.split('_')[0]}", key)
        put_label(root, split, key, is_train_ids=is_train_ids)
        put(root, f"gtFine/{split}/{key.split('_')[0]}/{key}_gtFine_polygons.json", b"{}")
    return root


def make_snippets(root: Path, *, starts: dict[str, int], split: str = "val") -> Path:
    """Write snippets of 30 frames; the label lies on frame 19 of each."""
    for sequence, start in starts.items():
        city = sequence.split("_")[0]
        for number in range(start, start + 30):
            put_frame(root, f"leftImg8bit_sequence/{split}/{city}", f"{sequence}_{number:06d}")
        put_label(root, split, f"{sequence}_{start + 19:06d}", is_train_ids=False)
    return root


def index(root: Path) -> tuple[Indexed, Dataset]:
    source = find_cityscapes(root)
    indexed = source.build(lambda _count: None)
    write_dataset(root / "out", source.record(indexed, root / "out"))
    return indexed, load_dataset(root / "out")


@pytest.mark.parametrize("is_train_ids", [True, False])
def test_both_label_files_give_the_same_true_labels(tmp_path: Path, is_train_ids: bool) -> None:
    _, dataset = index(make_frames(tmp_path, is_train_ids=is_train_ids))
    expected = LabelEncoding.IDS if is_train_ids else LabelEncoding.CITYSCAPES
    assert dataset.record.label_encoding is expected
    assert dataset.num_classes == 19
    clip = dataset.clip("aachen")
    for labels in (read_true_labels(dataset, clip, 0), read_label_ids(dataset, clip, 0)):
        assert labels is not None
        assert labels[1, : len(TRAIN_IDS)].tolist() == TRAIN_IDS
        assert (labels[0] == 255).all()
    assert check_dataset(dataset, dataset.clips, workers=1).faults == []


def test_single_frames_make_a_clip_of_each_city_that_is_not_consecutive(tmp_path: Path) -> None:
    indexed, dataset = index(make_frames(tmp_path))
    assert [(c.split, c.id, len(c.frames)) for c in dataset.clips] == [
        ("train", "aachen", 2),
        ("train", "bochum", 1),
        ("val", "lindau", 1),
        ("test", "berlin", 1),
    ]
    assert not any(clip.is_consecutive for clip in dataset.clips)
    assert [len(clip.labels) for clip in dataset.clips] == [2, 1, 1, 0]
    assert any("test are blank" in remark for remark in indexed.remarks)


def test_snippets_make_clips_of_30_frames_with_a_label_on_frame_19(tmp_path: Path) -> None:
    starts = {"lindau_000000": 0, "lindau_000001": 0, "frankfurt_000000": 275}
    _, dataset = index(make_snippets(make_frames(tmp_path), starts=starts))
    clips = {clip.id: clip for clip in dataset.clips if clip.split == "val"}
    assert list(clips) == [
        "frankfurt_000000_000294",
        "lindau_000000_000019",
        "lindau_000001_000019",
    ]
    for clip_id, clip in clips.items():
        assert (len(clip.frames), clip.fps, clip.frame_step) == (30, 17.0, 1)
        assert clip.is_consecutive
        assert clip.labelled_indices == [19]
        assert clip.frame_names[19] == f"{clip_id}_leftImg8bit"
    assert [c.id for c in dataset.clips if c.split == "train"] == ["aachen", "bochum"]


def test_two_snippets_without_a_gap_are_cut_after_30_frames(tmp_path: Path) -> None:
    make_snippets(tmp_path, starts={"bonn_000000": 100})
    _, dataset = index(make_snippets(tmp_path, starts={"bonn_000000": 130}))
    assert [clip.id for clip in dataset.clips] == ["bonn_000000_000119", "bonn_000000_000149"]
    assert [clip.labelled_indices for clip in dataset.clips] == [[19], [19]]


@pytest.mark.parametrize("lost", [0, 19, 29])
def test_an_incomplete_snippet_is_refused(tmp_path: Path, lost: int) -> None:
    make_snippets(tmp_path, starts={"bonn_000000": 100, "bonn_000001": 0})
    place = tmp_path / "leftImg8bit_sequence/val/bonn"
    (place / f"bonn_000000_{100 + lost:06d}_leftImg8bit.png").unlink()
    with pytest.raises(InputError, match=r"snippet that begins with .*bonn_000000.* not whole"):
        find_cityscapes(tmp_path)


def test_a_label_elsewhere_in_a_snippet_is_refused(tmp_path: Path) -> None:
    make_snippets(tmp_path, starts={"bonn_000000": 100})
    put_label(tmp_path, "val", "bonn_000000_000118", is_train_ids=False)
    with pytest.raises(InputError, match="frame 18 of its snippet, not 19"):
        find_cityscapes(tmp_path)


def test_a_label_without_a_frame_is_refused(tmp_path: Path) -> None:
    make_frames(tmp_path)
    (tmp_path / "leftImg8bit/train/aachen/aachen_000001_000019_leftImg8bit.png").unlink()
    with pytest.raises(InputError, match=r"1 label.* have no frame.*aachen_000001"):
        find_cityscapes(tmp_path)


def test_train_ids_are_taken_only_if_all_frames_have_them(tmp_path: Path) -> None:
    make_frames(tmp_path)
    put_label(tmp_path, "val", "lindau_000000_000019", is_train_ids=True)
    _, dataset = index(tmp_path)
    assert dataset.record.label_encoding is LabelEncoding.CITYSCAPES
    (tmp_path / "gtFine/val/lindau/lindau_000000_000019_gtFine_labelIds.png").unlink()
    with pytest.raises(InputError, match=r"lindau_000000_000019 lacks _gtFine_labelIds"):
        find_cityscapes(tmp_path)


def test_a_label_id_that_cityscapes_does_not_have_is_refused_when_read(tmp_path: Path) -> None:
    _, dataset = index(make_frames(tmp_path))
    path = dataset.label_path(dataset.clips[0], 0)
    assert path is not None
    path.write_bytes(encode_gray(np.full((4, 30), 40, np.uint8)))
    with pytest.raises(InputError, match="label id 40 is not in the class table"):
        read_true_labels(dataset, dataset.clips[0], 0)
    faults = check_dataset(dataset, dataset.clips[:1], workers=1).faults
    assert "40 (120 pixels)" in faults[0].message


def test_colour_files_cannot_stand_for_label_ids(tmp_path: Path) -> None:
    _, dataset = index(make_frames(tmp_path))
    path = dataset.label_path(dataset.clips[0], 0)
    assert path is not None
    cv2.imwrite(str(path), np.zeros((4, 30, 3), np.uint8))
    with pytest.raises(InputError, match="is a colour label"):
        read_true_labels(dataset, dataset.clips[0], 0)


def test_other_folders_are_refused_and_strange_ones_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not Cityscapes"):
        find_cityscapes(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        find_cityscapes(tmp_path / "none")
    put_frame(tmp_path, "leftImg8bit/demoVideo/stuttgart_00", "stuttgart_00_000000_000001")
    indexed, _ = index(make_frames(tmp_path))
    assert any("left out: demoVideo" in remark for remark in indexed.remarks)
    put(tmp_path, "leftImg8bit/val/lindau/notes.png", b"")
    with pytest.raises(InputError, match=r"not the name of a Cityscapes frame: .*notes\.png"):
        find_cityscapes(tmp_path)
