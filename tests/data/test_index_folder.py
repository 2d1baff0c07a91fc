"""Folders of images and labels: clips, order, matching, class tables, hard cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from vstc.data.index.folder import FolderSettings, find_folder
from vstc.data.index.source import Indexed, natural_key
from vstc.data.labels import read_true_labels
from vstc.errors import InputError
from vstc.formats.dataset import Dataset
from vstc.formats.images import read_labels


def save_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 10, 3), 60, np.uint8))


def save_ids(path: Path, ids: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(ids, np.uint8), (8, 10))).save(path)


def index(images: Path, **settings: Any) -> tuple[Indexed, Dataset]:
    source = find_folder(images, FolderSettings.model_validate(settings), workers=2)
    indexed = source.build(lambda _count: None)
    output = images.parent / "out"
    return indexed, Dataset(source.record(indexed, output), output)


def test_flat_folder_is_one_clip_in_natural_order(tmp_path: Path) -> None:
    for stem in ("f10", "f9", "f100"):
        save_image(tmp_path / "images" / f"{stem}.jpg")
    _, dataset = index(tmp_path / "images", fps=15, frame_step=1)
    assert [clip.id for clip in dataset.clips] == ["images"]
    assert dataset.clips[0].frame_names == ["f9", "f10", "f100"]
    assert dataset.clips[0].is_consecutive
    assert dataset.frame_source(dataset.clips[0], 0) == tmp_path / "images" / "f9.jpg"


def test_lexical_order_is_a_choice(tmp_path: Path) -> None:
    for stem in ("f10", "f9"):
        save_image(tmp_path / "images" / f"{stem}.jpg")
    _, dataset = index(tmp_path / "images", order="lexical")
    assert dataset.clips[0].frame_names == ["f10", "f9"]


def test_natural_order_handles_texts_that_begin_with_digits_or_letters() -> None:
    names = ["b", "10a", "9a", "a2", "a10", "9"]
    assert sorted(names, key=natural_key) == ["9", "9a", "10a", "a2", "a10", "b"]


def test_sub_folders_are_clips_and_train_val_test_are_splits(tmp_path: Path) -> None:
    for place in ("train/a", "train/b", "val/a", "street/c"):
        save_image(tmp_path / "images" / place / "0.jpg")
        save_image(tmp_path / "images" / place / "1.png")
    _, dataset = index(tmp_path / "images", split="rest")
    assert {clip.id: clip.split for clip in dataset.clips} == {
        "street_c": "rest",
        "train_a": "train",
        "train_b": "train",
        "val_a": "val",
    }


def test_without_a_step_frames_are_not_consecutive_and_it_is_said(tmp_path: Path) -> None:
    for i in range(3):
        save_image(tmp_path / "images" / f"{i}.jpg")
    indexed, dataset = index(tmp_path / "images", fps=25)
    assert not dataset.clips[0].is_consecutive
    assert any("--frame-step" in remark for remark in indexed.remarks)


def test_labels_are_matched_by_place_and_stem_and_the_rest_is_reported(tmp_path: Path) -> None:
    for name in ("a/0", "a/1", "b/0"):
        save_image(tmp_path / "images" / f"{name}.jpg")
    for name in ("a/0", "b/0", "b/7"):
        save_ids(tmp_path / "labels" / f"{name}.png", [0, 1])
    indexed, dataset = index(tmp_path / "images", labels=str(tmp_path / "labels"))
    assert dataset.clip("a").labels == {"0": "labels/a/0.png"}
    assert dataset.clip("b").labels == {"0": "labels/b/0.png"}
    said = " | ".join(indexed.remarks)
    assert "1 label(s) without an image: b/7" in said
    assert "1 image(s) without a label: a/1" in said


def test_label_suffix_is_taken_off(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "x_1.png")
    save_ids(tmp_path / "labels" / "x_1_L.png", [0, 2])
    _, dataset = index(tmp_path / "images", labels=str(tmp_path / "labels"), label_suffix="_L")
    assert dataset.clips[0].labels == {"x_1": "labels/x_1_L.png"}


def test_labels_inside_the_image_folder_are_not_taken_as_images(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.png")
    save_ids(tmp_path / "images" / "masks" / "0.png", [0, 1])
    _, dataset = index(tmp_path / "images", labels=str(tmp_path / "images" / "masks"))
    assert [clip.frames for clip in dataset.clips] == [["0.png"]]
    assert dataset.clips[0].labels == {"0": "masks/0.png"}


def test_class_table_is_made_up_from_the_ids(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    save_ids(tmp_path / "labels" / "0.png", [0, 2, 255])
    indexed, dataset = index(tmp_path / "images", labels=str(tmp_path / "labels"))
    assert [entry.name for entry in dataset.classes] == ["class_0", "class_1", "class_2"]
    assert dataset.ignore_index == 255
    assert any("[0, 2, 255]" in remark for remark in indexed.remarks)


def test_colour_labels_need_and_use_a_table(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    color = np.zeros((8, 10, 3), np.uint8)
    color[:, 5:] = (128, 64, 128)
    (tmp_path / "labels").mkdir()
    Image.fromarray(color).save(tmp_path / "labels" / "0.png")
    with pytest.raises(InputError, match="colour label"):
        index(tmp_path / "images", labels=str(tmp_path / "labels"))
    table = tmp_path / "classes.json"
    rows = [
        {"id": 0, "name": "road", "color": [128, 64, 128]},
        {"id": 1, "name": "void", "color": [0, 0, 0], "ignore": True},
    ]
    table.write_text(json.dumps(rows))
    _, dataset = index(tmp_path / "images", labels=str(tmp_path / "labels"), classes=str(table))
    path = dataset.label_path(dataset.clips[0], 0)
    assert path is not None
    ids = read_labels(path, dataset.record.classes)
    np.testing.assert_array_equal(ids, np.repeat([[1] * 5 + [0] * 5], 8, axis=0))


def test_masks_that_are_read_as_void_are_pointed_out(tmp_path: Path) -> None:
    for stem, ids in (("a", [0, 255]), ("b", [0, 0])):
        save_image(tmp_path / f"images/{stem}.png")
        save_ids(tmp_path / f"labels/{stem}.png", ids)

    as_ids, _ = index(tmp_path / "images", labels=str(tmp_path / "labels"))
    save_ids(tmp_path / "labels/b.png", [1, 255])
    with_more_ids, _ = index(tmp_path / "images", labels=str(tmp_path / "labels"))

    assert any("label_encoding=masks" in remark for remark in as_ids.remarks)
    assert not any("label_encoding" in remark for remark in with_more_ids.remarks)


def test_masks_are_two_classes_whatever_values_they_hold(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    save_ids(tmp_path / "labels" / "0.png", [0, 255, 7])
    asked = {"labels": str(tmp_path / "labels"), "label_encoding": "masks"}
    _, dataset = index(tmp_path / "images", **asked)
    assert [entry.name for entry in dataset.classes] == ["background", "object"]
    labels = read_true_labels(dataset, dataset.clips[0], 0)
    assert labels is not None
    assert set(labels.ravel()) == {0, 1}
    table = tmp_path / "classes.json"
    table.write_text(json.dumps([{"id": i, "name": str(i)} for i in range(3)]))
    with pytest.raises(InputError, match="3 classes, masks have 2"):
        index(tmp_path / "images", **asked, classes=str(table))


def test_label_ids_of_cityscapes_need_its_classes(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    save_ids(tmp_path / "labels" / "0.png", [7, 33, 0])
    asked = {"labels": str(tmp_path / "labels"), "label_encoding": "cityscapes-label-ids"}
    _, dataset = index(tmp_path / "images", **asked)
    labels = read_true_labels(dataset, dataset.clips[0], 0)
    assert labels is not None
    assert set(labels.ravel()) == {0, 18, 255}
    table = tmp_path / "classes.json"
    for names, says in [(["road"], "has 1 classes"), (list("abcdefghijklmnopqrs"), "it is road")]:
        table.write_text(json.dumps([{"id": i, "name": name} for i, name in enumerate(names)]))
        with pytest.raises(InputError, match=says):
            index(tmp_path / "images", **asked, classes=str(table))


def test_two_images_with_one_stem_are_refused(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    save_image(tmp_path / "images" / "0.png")
    with pytest.raises(InputError, match="0 twice"):
        index(tmp_path / "images")


def test_two_clips_with_one_id_are_refused(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "a" / "b" / "0.jpg")
    save_image(tmp_path / "images" / "a_b" / "0.jpg")
    with pytest.raises(InputError, match="a_b twice"):
        index(tmp_path / "images")


def test_two_labels_with_one_stem_are_refused(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    save_ids(tmp_path / "labels" / "0.png", [0])
    save_ids(tmp_path / "labels" / "0.bmp", [0])
    with pytest.raises(InputError, match="0 twice"):
        index(tmp_path / "images", labels=str(tmp_path / "labels"))


def test_empty_and_missing_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "note.txt").write_text("x")
    (tmp_path / "images" / ".hidden.png").write_text("x")
    with pytest.raises(InputError, match="no images"):
        index(tmp_path / "images")
    with pytest.raises(InputError, match="not a folder"):
        index(tmp_path / "none")
    with pytest.raises(InputError, match="not a folder"):
        index(tmp_path / "images" / "note.txt")


def test_labels_that_match_nothing_are_refused(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    save_ids(tmp_path / "labels" / "0_L.png", [0])
    with pytest.raises(InputError, match="has the stem of an image"):
        index(tmp_path / "images", labels=str(tmp_path / "labels"))
    with pytest.raises(InputError, match="not a folder"):
        index(tmp_path / "images", labels=str(tmp_path / "none"))
    with pytest.raises(InputError, match="share the folder"):
        index(tmp_path / "images", labels=str(tmp_path / "images"))


def test_truncated_label_is_refused_when_ids_are_needed(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    save_ids(tmp_path / "labels" / "0.png", list(range(80)))
    path = tmp_path / "labels" / "0.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="not readable"):
        index(tmp_path / "images", labels=str(tmp_path / "labels"))


def test_fingerprint_follows_the_files(tmp_path: Path) -> None:
    save_image(tmp_path / "images" / "0.jpg")
    first = find_folder(tmp_path / "images", FolderSettings()).as_input().id
    assert find_folder(tmp_path / "images", FolderSettings()).as_input().id == first
    save_image(tmp_path / "images" / "1.jpg")
    assert find_folder(tmp_path / "images", FolderSettings()).as_input().id != first
