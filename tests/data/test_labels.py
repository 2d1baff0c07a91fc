"""Label maps as training and evaluation want them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vstc.data.labels import read_true_labels
from vstc.errors import InputError
from vstc.formats.dataset import (
    Clip,
    Dataset,
    DatasetRecord,
    LabelClass,
    class_palette,
    load_dataset,
    write_dataset,
)
from vstc.formats.images import encode_gray, encode_labels
from vstc.formats.label_encoding import LabelEncoding

ROAD = LabelClass(id=0, name="road", color=(1, 2, 3))
CAR = LabelClass(id=1, name="car", color=(4, 5, 6))
VOID = LabelClass(id=2, name="void", color=(0, 0, 0), ignore=True)


def data_set(
    folder: Path, ids: list[list[int]], *, ignore_index: int = 255, is_palette: bool = True
) -> Dataset:
    values = np.array(ids, np.uint8)
    classes = [ROAD, CAR, VOID]
    data = encode_labels(values, class_palette(classes)) if is_palette else encode_gray(values)
    (folder / "label.png").write_bytes(data)
    clip = Clip(id="a", split="train", frames=["0.png", "1.png"], labels={"0": "label.png"})
    record = DatasetRecord(
        name="t", root=".", classes=classes, ignore_index=ignore_index, clips=[clip]
    )
    return Dataset(record, folder)


@pytest.mark.parametrize("is_palette", [True, False])
def test_void_of_the_class_table_and_ignore_index_become_255(
    tmp_path: Path, is_palette: bool
) -> None:
    dataset = data_set(tmp_path, [[0, 1], [2, 255]], is_palette=is_palette)
    labels = read_true_labels(dataset, dataset.clips[0], 0)
    assert labels is not None
    assert labels.tolist() == [[0, 1], [255, 255]]


def test_a_low_ignore_index_becomes_255(tmp_path: Path) -> None:
    dataset = data_set(tmp_path, [[0, 77]], ignore_index=77)
    labels = read_true_labels(dataset, dataset.clips[0], 0)
    assert labels is not None
    assert labels.tolist() == [[0, 255]]


def test_a_frame_without_a_label_has_none(tmp_path: Path) -> None:
    dataset = data_set(tmp_path, [[0]])
    assert read_true_labels(dataset, dataset.clips[0], 1) is None


@pytest.mark.parametrize("strange", [3, 200])
def test_an_id_outside_the_class_table_is_refused_by_file(tmp_path: Path, strange: int) -> None:
    dataset = data_set(tmp_path, [[0, strange]])
    with pytest.raises(InputError, match=f"label id {strange} is not in the class table: .*png"):
        read_true_labels(dataset, dataset.clips[0], 0)


def test_a_missing_label_file_is_refused(tmp_path: Path) -> None:
    dataset = data_set(tmp_path, [[0]])
    (tmp_path / "label.png").unlink()
    with pytest.raises(InputError, match=r"label\.png"):
        read_true_labels(dataset, dataset.clips[0], 0)


def test_masks_have_one_object_whatever_its_value(tmp_path: Path) -> None:
    plain = data_set(tmp_path, [[0, 255], [7, 0]], is_palette=False)
    record = plain.record.model_copy(update={"label_encoding": LabelEncoding.MASKS})
    dataset = Dataset(record, tmp_path)
    labels = read_true_labels(dataset, dataset.clips[0], 0)
    assert labels is not None
    assert labels.tolist() == [[0, 1], [1, 0]]


def test_an_index_of_plain_ids_stays_readable_for_older_versions(tmp_path: Path) -> None:
    plain = data_set(tmp_path, [[0]])
    write_dataset(tmp_path, plain.record)
    content = json.loads((tmp_path / "dataset.json").read_text())
    assert content["schema_version"] == 1
    assert "label_encoding" not in content
    masks = plain.record.model_copy(update={"label_encoding": LabelEncoding.MASKS})
    write_dataset(tmp_path, masks)
    assert json.loads((tmp_path / "dataset.json").read_text())["schema_version"] == 2
    assert load_dataset(tmp_path).record.label_encoding is LabelEncoding.MASKS
