"""Label maps in PNG files: formats, strange ids, and files that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vstc.artifacts.workspace import open_artifact
from vstc.data.index.camvid import find_camvid
from vstc.data.labels import read_true_labels
from vstc.errors import InputError
from vstc.evaluation.label_sources.folder import FolderLabels
from vstc.evaluation.label_sources.source import PredictionFormat
from vstc.formats.cityscapes import CITYSCAPES_CLASSES
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass, class_palette
from vstc.formats.images import encode_gray, encode_labels, encode_rgb
from vstc.formats.label_encoding import CITYSCAPES_LABEL_IDS

CLASSES = [
    LabelClass(id=0, name="road", color=(10, 20, 30)),
    LabelClass(id=1, name="car", color=(40, 50, 60)),
    LabelClass(id=2, name="sky", color=(70, 80, 90)),
    LabelClass(id=3, name="void", color=(0, 0, 0), ignore=True),
]
TWO = CLASSES[:2]
SWAPPED = class_palette(
    [CLASSES[1].model_copy(update={"id": 0}), CLASSES[0].model_copy(update={"id": 1})]
)


def data_set(classes: list[LabelClass], *, ignore_index: int = 255) -> Dataset:
    clip = Clip(id="a", split="val", frames=["i/0.jpg", "i/1.jpg"])
    record = DatasetRecord(
        name="d", root=".", classes=classes, ignore_index=ignore_index, clips=[clip]
    )
    return Dataset(record, Path())


def put(folder: Path, data: bytes, name: str = "0") -> None:
    (folder / "a").mkdir(exist_ok=True)
    (folder / "a" / f"{name}.png").write_bytes(data)


def gray(*values: int) -> bytes:
    return encode_gray(np.array([values], np.uint8))


def read(
    folder: Path, classes: list[LabelClass], format: str = "auto", frame: str = "0"
) -> NDArray[np.uint8]:
    dataset = data_set(classes)
    source = FolderLabels(folder, dataset, format=PredictionFormat(format))
    return source.labels(dataset.clips[0], frame)


@pytest.mark.parametrize("format", ["auto", "ids"])
def test_ids_are_read_with_void_as_255(tmp_path: Path, format: str) -> None:
    values = np.array([[0, 1, 2, 3, 255]], np.uint8)
    put(tmp_path, encode_gray(values))
    put(tmp_path, encode_labels(values, class_palette(CLASSES)), "1")
    for frame in "01":
        assert read(tmp_path, CLASSES, format, frame).tolist() == [[0, 1, 2, 255, 255]]


def test_colours_and_ids_may_lie_side_by_side(tmp_path: Path) -> None:
    put(tmp_path, gray(0, 1, 2))
    put(tmp_path, encode_rgb(class_palette(CLASSES)[np.array([[2, 3, 0]])]), "1")
    assert read(tmp_path, CLASSES, frame="0").tolist() == [[0, 1, 2]]
    assert read(tmp_path, CLASSES, frame="1").tolist() == [[2, 255, 0]]
    with pytest.raises(InputError, match="is a colour label"):
        read(tmp_path, CLASSES, "ids", frame="1")


def test_the_colours_of_a_palette_count_when_asked_for(tmp_path: Path) -> None:
    put(tmp_path, encode_labels(np.array([[0, 1]], np.uint8), SWAPPED))
    assert read(tmp_path, TWO, "ids").tolist() == [[0, 1]]
    assert read(tmp_path, TWO, "colors").tolist() == [[1, 0]]


def test_a_colour_of_no_class_is_refused_with_its_place(tmp_path: Path) -> None:
    put(tmp_path, encode_rgb(np.full((1, 2, 3), 9, np.uint8)))
    with pytest.raises(InputError, match=r"0\.png has a colour that no class has: \(9, 9, 9\)"):
        read(tmp_path, CLASSES, "colors")


def test_label_ids_of_cityscapes_become_train_ids(tmp_path: Path) -> None:
    put(tmp_path, encode_gray(np.arange(256, dtype=np.uint8)[None]))
    expected = np.full(256, 255)
    expected[list(CITYSCAPES_LABEL_IDS)] = range(19)
    expected[34:255] = range(34, 255)
    labels = read(tmp_path, list(CITYSCAPES_CLASSES), "cityscapes")
    np.testing.assert_array_equal(labels[0], expected)
    with pytest.raises(InputError, match="has 3 classes, Cityscapes has 19"):
        read(tmp_path, CLASSES, "cityscapes")
    other = [entry.model_copy(update={"name": f"x{entry.id}"}) for entry in CITYSCAPES_CLASSES]
    with pytest.raises(InputError, match="class 0 of data set d is x0"):
        read(tmp_path, other, "cityscapes")


def test_files_named_as_label_ids_are_not_taken_for_class_ids(tmp_path: Path) -> None:
    put(tmp_path, gray(7, 8), "0_gtFine_labelIds")
    with pytest.raises(InputError, match="named like label ids") as caught:
        read(tmp_path, list(CITYSCAPES_CLASSES))
    assert "--format cityscapes" in str(caught.value.hint)
    assert read(tmp_path, list(CITYSCAPES_CLASSES), "ids").tolist() == [[7, 8]]
    assert read(tmp_path, list(CITYSCAPES_CLASSES), "cityscapes").tolist() == [[0, 1]]


def test_the_format_chooses_between_the_files_of_a_frame(tmp_path: Path) -> None:
    put(tmp_path, gray(7, 8), "0_gtFine_labelIds")
    put(tmp_path, gray(2, 3), "0_gtFine_labelTrainIds")
    with pytest.raises(InputError, match="has 2 files"):
        read(tmp_path, list(CITYSCAPES_CLASSES))
    assert read(tmp_path, list(CITYSCAPES_CLASSES), "cityscapes").tolist() == [[0, 1]]


def test_an_artifact_says_itself_that_it_holds_label_ids(tmp_path: Path) -> None:
    dataset = data_set(list(CITYSCAPES_CLASSES))
    out = tmp_path / "out"
    with open_artifact(out, kind="vstc.predictions", config={"format": "cityscapes"}) as workspace:
        put(out, gray(7, 8))
        workspace.finish()
    source = FolderLabels(out, dataset)
    assert source.labels(dataset.clips[0], "0").tolist() == [[0, 1]]
    assert source.describe() == {"source": "images", "format": "cityscapes"}
    assert source.reference().kind == "vstc.predictions"


def test_masks_have_one_object_whatever_its_value(tmp_path: Path) -> None:
    put(tmp_path, gray(0, 255, 38, 0))
    assert read(tmp_path, TWO, "masks").tolist() == [[0, 1, 1, 0]]
    with pytest.raises(InputError, match="has 3 classes, masks have 2"):
        read(tmp_path, CLASSES, "masks")


def test_black_and_white_is_not_guessed_at(tmp_path: Path) -> None:
    put(tmp_path, gray(0, 255))
    with pytest.raises(InputError, match="is 255 the object, or is it no label") as caught:
        read(tmp_path, TWO)
    assert "--format masks" in str(caught.value.hint)
    assert read(tmp_path, TWO, "ids").tolist() == [[0, 255]]
    assert read(tmp_path, CLASSES).tolist() == [[0, 255]]


def test_instances_are_no_classes(tmp_path: Path) -> None:
    put(tmp_path, gray(0, 3, 7, 254, 255))
    dataset = data_set(CLASSES)
    source = FolderLabels(tmp_path, dataset, format=PredictionFormat.INSTANCES)
    assert source.labels(dataset.clips[0], "0").tolist() == [[0, 3, 7, 254, 255]]
    assert source.strays.of(dataset.clips[0]) is None


def test_ids_outside_the_table_stay_misses_and_are_counted(tmp_path: Path) -> None:
    dataset = data_set(CLASSES, ignore_index=200)
    clip = dataset.clips[0]
    put(tmp_path, gray(0, 200, 3, 255, 2))
    put(tmp_path, gray(9, 4, 9, 1), "1")
    source = FolderLabels(tmp_path, dataset)
    assert source.labels(clip, "0").tolist() == [[0, 255, 255, 255, 2]]
    assert source.strays.of(clip) is None
    assert source.labels(clip, "1").tolist() == [[9, 4, 9, 1]]
    stray = source.strays.of(clip)
    assert stray is not None
    assert stray.as_json() == {"pixels": 3, "frames": 1, "first_id": 4, "first_frame": "1"}
    source.labels(clip, "1")
    again = source.strays.of(clip)
    assert again is not None
    assert (again.pixels, again.frames, again.first_frame) == (6, 2, "1")


def test_a_label_id_that_cityscapes_does_not_have_is_a_stray_too(tmp_path: Path) -> None:
    dataset = data_set(list(CITYSCAPES_CLASSES))
    put(tmp_path, gray(0, 33, 34, 255))
    source = FolderLabels(tmp_path, dataset, format=PredictionFormat.CITYSCAPES)
    assert source.labels(dataset.clips[0], "0").tolist() == [[255, 18, 34, 255]]
    stray = source.strays.of(dataset.clips[0])
    assert stray is not None
    assert (stray.pixels, stray.first_id) == (1, 34)


def test_16_bits_are_fine_while_the_ids_are(tmp_path: Path) -> None:
    put(tmp_path, encode_gray(np.array([[0, 2]], np.uint16)))
    put(tmp_path, encode_gray(np.array([[0, 7001]], np.uint16)), "1")
    assert read(tmp_path, CLASSES).tolist() == [[0, 2]]
    with pytest.raises(InputError, match=r"1\.png holds ids up to 7001") as caught:
        read(tmp_path, CLASSES, frame="1")
    assert "8-bit" in str(caught.value.hint)


@pytest.mark.parametrize("format", ["auto", "ids", "colors", "masks", "instances"])
def test_a_file_cut_short_is_refused_by_its_name(tmp_path: Path, format: str) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (40, 40)).astype(np.uint8)
    data = encode_labels(noise, class_palette(TWO))
    put(tmp_path, data[: len(data) // 2])
    with pytest.raises(InputError, match=r"label is not readable: .*0\.png"):
        read(tmp_path, TWO, format)


def test_a_missing_folder_and_other_artifacts_are_refused(tmp_path: Path) -> None:
    dataset = data_set(CLASSES)
    with pytest.raises(InputError, match="predictions not found"):
        FolderLabels(tmp_path / "none", dataset)
    (tmp_path / "out").mkdir()
    content = {"schema_version": 1, "kind": "vstc.flow", "id": "0"}
    (tmp_path / "out/manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"is a vstc\.flow"):
        FolderLabels(tmp_path / "out", dataset)


def test_a_folder_that_no_command_made_is_known_by_names_and_sizes(tmp_path: Path) -> None:
    dataset = data_set(CLASSES)
    put(tmp_path, gray(0, 1, 2))
    first = FolderLabels(tmp_path, dataset).reference()
    assert (first.role, first.kind) == ("predictions", "raw")
    put(tmp_path, encode_gray(np.zeros((50, 50), np.uint8)))
    assert FolderLabels(tmp_path, dataset).reference().id != first.id
    Image.new("L", (4, 4)).save(tmp_path / "a" / "1.png")
    assert FolderLabels(tmp_path, dataset).reference().id != first.id


def test_the_real_labels_of_camvid_can_be_judged_from_one_flat_folder(real_data: Path) -> None:
    found = find_camvid(real_data / "camvid")
    dataset = Dataset(found.record(found.build(lambda _count: None), real_data), real_data)
    source = FolderLabels(real_data / "camvid" / "labels", dataset)
    for clip in dataset.clips:
        assert set(source.available(clip)) == set(clip.frame_names)
    clip = dataset.clips[0]
    true = read_true_labels(dataset, clip, 0)
    np.testing.assert_array_equal(source.labels(clip, clip.frame_names[0]), true)
