"""The check finds each kind of fault, and nothing in a sound data set."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vstc.data.check import CheckReport, check_dataset, count_units
from vstc.data.check_time import time_faults
from vstc.data.index.camvid import find_camvid
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass, VideoFrame
from vstc.formats.video.files import VideoWriter

CLASSES = [
    LabelClass(id=0, name="road", color=(128, 64, 128)),
    LabelClass(id=1, name="car", color=(0, 0, 142)),
    LabelClass(id=2, name="void", color=(0, 0, 0), ignore=True),
]
SIZE = (20, 30)
NAMES = ["000000", "000001", "000002", "000003"]


def save_frame(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    cv2.imwrite(str(path), noise)


def save_labels(path: Path, ids: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids.astype(np.uint8)).save(path)


def quarter_car() -> np.ndarray:
    ids = np.zeros(SIZE, np.uint8)
    ids[:10, :15] = 1
    return ids


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """One clip of four frames, the first and third labelled: a quarter car, the rest road."""
    for i, name in enumerate(NAMES):
        save_frame(tmp_path / "images" / f"{name}.png", i)
    for name in NAMES[::2]:
        save_labels(tmp_path / "labels" / f"{name}.png", quarter_car())
    return with_clips(
        tmp_path,
        Clip(
            id="a",
            split="train",
            fps=15,
            frame_step=1,
            frames=[f"images/{name}.png" for name in NAMES],
            labels={name: f"labels/{name}.png" for name in NAMES[::2]},
        ),
    )


def with_clips(root: Path, *clips: Clip) -> Dataset:
    record = DatasetRecord(
        schema="vstc.dataset",
        name="tiny",
        root=".",
        classes=CLASSES,
        ignore_index=2,
        clips=list(clips),
    )
    return Dataset(record, root)


def check(dataset: Dataset) -> CheckReport:
    return check_dataset(dataset, dataset.clips, workers=2)


def only_fault(dataset: Dataset) -> tuple[str, str]:
    faults = check(dataset).faults
    assert len(faults) == 1, faults
    return faults[0].frame, faults[0].message


def test_sound_data_set_has_no_faults_and_right_shares(dataset: Dataset) -> None:
    report = check(dataset)
    assert report.faults == []
    assert report.remarks == []
    (split,) = report.splits
    assert (split.frames, split.labelled, split.sizes) == (4, 2, {"30x20": 4})
    assert [(c.name, c.percent) for c in split.classes] == [
        ("road", 75.0),
        ("car", 25.0),
        ("void", 0.0),
    ]


def test_grey_palette_and_colour_labels_count_alike(dataset: Dataset) -> None:
    before = check(dataset).splits
    ids = quarter_car()
    as_palette = Image.fromarray(ids)
    as_palette.putpalette([channel for entry in CLASSES for channel in entry.color])
    as_palette.save(dataset.root / "labels" / "000000.png")
    colors = np.array([entry.color for entry in CLASSES], np.uint8)
    Image.fromarray(colors[ids]).save(dataset.root / "labels" / "000002.png")
    report = check(dataset)
    assert report.faults == []
    assert report.splits == before


def cut_image(root: Path) -> None:
    path = root / "images" / "000001.png"
    path.write_bytes(path.read_bytes()[:200])


def drop_image(root: Path) -> None:
    (root / "images" / "000001.png").unlink()


def deepen_image(root: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (*SIZE, 3), np.uint16)
    cv2.imwrite(str(root / "images" / "000001.png"), deep)


def cut_label(root: Path) -> None:
    path = root / "labels" / "000002.png"
    save_labels(path, np.random.default_rng(0).integers(0, 3, SIZE))
    path.write_bytes(path.read_bytes()[:70])


def drop_label(root: Path) -> None:
    (root / "labels" / "000002.png").unlink()


def shrink_label(root: Path) -> None:
    save_labels(root / "labels" / "000002.png", quarter_car()[:10])


def strange_label(root: Path) -> None:
    ids = quarter_car()
    ids[0, :5] = 200
    save_labels(root / "labels" / "000002.png", ids)


def strange_color(root: Path) -> None:
    Image.new("RGB", (30, 20), (1, 2, 3)).save(root / "labels" / "000002.png")


@pytest.mark.parametrize(
    ("harm", "frame", "message"),
    [
        (cut_image, "000001", "truncated"),
        (drop_image, "000001", "cannot read"),
        (deepen_image, "000001", "16 bits per channel"),
        (cut_label, "000002", "label is not readable"),
        (drop_label, "000002", "No such file"),
        (shrink_label, "000002", "label is 30x10, its image 30x20"),
        (strange_label, "000002", r"200 \(5 pixels\)"),
        (strange_color, "000002", r"colour that no class has: \(1, 2, 3\)"),
    ],
)
def test_each_fault_is_found_where_it_is(
    dataset: Dataset, harm: Callable[[Path], None], frame: str, message: str
) -> None:
    harm(dataset.root)
    where, said = only_fault(dataset)
    assert where == frame
    assert re.search(message, said)


def test_all_faults_are_listed_in_order_not_only_the_first(dataset: Dataset) -> None:
    strange_label(dataset.root)
    drop_image(dataset.root)
    assert [fault.frame for fault in check(dataset).faults] == ["000001", "000002"]


def test_frame_of_another_size_is_a_fault_of_the_clip(dataset: Dataset) -> None:
    save_frame(dataset.root / "images" / "000003.png", 3, (20, 20))
    where, said = only_fault(dataset)
    assert where == ""
    assert "differ in size" in said


def test_instance_map_of_another_size_is_a_fault(dataset: Dataset) -> None:
    save_labels(dataset.root / "instances" / "000001.png", np.zeros((5, 5)))
    instances = {"000001": "instances/000001.png"}
    clip = dataset.clips[0].model_copy(update={"instances": instances})
    where, said = only_fault(with_clips(dataset.root, clip))
    assert where == "000001"
    assert "instance map is 5x5" in said


def test_repeated_frames_and_absent_classes_are_remarks(dataset: Dataset) -> None:
    images, labels = dataset.root / "images", dataset.root / "labels"
    (images / "000002.png").write_bytes((images / "000001.png").read_bytes())
    for name in NAMES[::2]:
        save_labels(labels / f"{name}.png", np.zeros(SIZE))
    report = check(dataset)
    assert report.faults == []
    assert any("equal the one before, first 000002" in remark for remark in report.remarks)
    assert any("no label holds these classes: car" in remark for remark in report.remarks)


def test_files_of_several_clips_are_read_once(dataset: Dataset) -> None:
    clip = dataset.clips[0]
    twice = with_clips(dataset.root, clip, clip.model_copy(update={"id": "b", "split": "all"}))
    strange_label(dataset.root)
    seen: list[int] = []
    report = check_dataset(twice, twice.clips, workers=2, advance=seen.append)
    assert count_units(twice, twice.clips) == sum(seen) == report.frames_read == 4
    assert [fault.clip for fault in report.faults] == ["a", "b"]
    assert report.splits[0].classes == report.splits[1].classes


def test_number_of_threads_does_not_change_the_report(dataset: Dataset) -> None:
    strange_label(dataset.root)
    cut_image(dataset.root)
    one = check_dataset(dataset, dataset.clips, workers=1)
    assert check_dataset(dataset, dataset.clips, workers=5) == one


def video_dataset(root: Path, written: int, declared: int) -> Dataset:
    with VideoWriter(root / "v.mp4", fps=10, size=(16, 16)) as writer:
        for i in range(written):
            writer.write(np.full((16, 16, 3), 20 * i, np.uint8))
    frames: list[str | VideoFrame] = [VideoFrame(video="v.mp4", index=i) for i in range(declared)]
    return with_clips(root, Clip(id="v", split="all", fps=10, frame_step=1, frames=frames))


def test_video_is_read_to_its_end(tmp_path: Path) -> None:
    report = check(video_dataset(tmp_path, written=5, declared=5))
    assert report.faults == []
    assert report.frames_read == 5
    assert report.splits[0].sizes == {"16x16": 5}
    assert all(entry.percent is None for entry in report.splits[0].classes)


def test_video_that_ends_early_says_where(tmp_path: Path) -> None:
    where, said = only_fault(video_dataset(tmp_path, written=5, declared=9))
    assert where == "000005"
    assert "decoding ends after 5" in said


def test_video_that_is_gone_is_one_fault(tmp_path: Path) -> None:
    dataset = video_dataset(tmp_path, written=2, declared=2)
    (tmp_path / "v.mp4").unlink()
    assert "video not found" in only_fault(dataset)[1]


def clip_of(names: list[str], *, step: int | None = 1, fps: float | None = 30.0) -> Clip:
    frames: list[str | VideoFrame] = [f"{name}.png" for name in names]
    return Clip(id="c", split="s", fps=fps, frame_step=step, frames=frames)


@pytest.mark.parametrize(
    ("names", "step", "fps"),
    [
        (["f1", "f2", "f3"], 1, 30.0),
        (["f07959", "f07961", "f07963"], 2, 30.0),
        (["f1", "f2", "f3"], 2, 30.0),  # numbered anew
        (["f10", "f12", "f14"], 1, 15.0),  # every other frame of 30, declared as 15 Hz
        (["f10", "f40", "f80"], None, 30.0),  # nothing declared
        (["f10", "f40", "f80"], 30, 30.0),  # declared, but 1 s apart: not neighbours
        (["left", "right"], 1, 30.0),  # no numbers
    ],
)
def test_names_that_fit_what_is_declared(
    names: list[str], step: int | None, fps: float | None
) -> None:
    assert time_faults(clip_of(names, step=step, fps=fps)) == []


@pytest.mark.parametrize(
    ("names", "step", "fps", "message"),
    [
        (["f1", "f2", "f4", "f5"], 1, 30.0, "1 place.*first from f2 to f4"),
        (["f0", "f30", "f60"], 1, 30.0, "frame_step 1, but the frame numbers rise by 30"),
        (["f0", "f2", "f4"], 1, None, "frame_step 1, but the frame numbers rise by 2"),
        (["f1", "f3", "f2"], 1, 30.0, "not in time order: f3 stands before f2"),
        (["f60", "f30", "f0"], 30, 30.0, "not in time order"),
        (["a1", "a2", "b1"], 1, 30.0, "several sequences: a, b"),
    ],
)
def test_names_that_contradict_what_is_declared(
    names: list[str], step: int, fps: float | None, message: str
) -> None:
    (fault,) = time_faults(clip_of(names, step=step, fps=fps))
    assert re.search(message, fault)


def test_shares_of_the_real_pack_equal_its_readme(real_data: Path, tmp_path: Path) -> None:
    source = find_camvid(real_data / "camvid")
    record = source.record(source.build(lambda _count: None), tmp_path)
    report = check(Dataset(record, tmp_path))
    assert report.faults == []
    figures = {split.split: split for split in report.splits}
    readme = (real_data / "camvid" / "README.md").read_text()
    table = re.findall(r"^\| (\d+) \S+ \|(.+)\|$", readme, re.MULTILINE)
    assert len(table) == 12
    for number, cells in table:
        expected = [float(cell) for cell in cells.split("|")]
        for split, value in zip(
            ("train", "dense_train", "dense_val", "test"), expected, strict=True
        ):
            percent = figures[split].classes[int(number)].percent
            assert percent == pytest.approx(value, abs=0.01), (split, number)
