"""Which file belongs to which frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from vstc.errors import InputError
from vstc.evaluation.label_sources.frame_files import FrameFiles
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass, VideoFrame

ENDINGS = ("pred", "labelIds")
CITY = "ulm_000000_000019"


def data_set(*clips: Clip) -> Dataset:
    classes = [LabelClass(id=0, name="a", color=(1, 1, 1))]
    return Dataset(DatasetRecord(name="d", root=".", classes=classes, clips=list(clips)), Path())


def clip(clip_id: str, *frames: str | VideoFrame) -> Clip:
    return Clip(id=clip_id, split="val", frames=list(frames))


def files_of(folder: Path, dataset: Dataset, *names: str) -> list[dict[str, str]]:
    """Make empty files and return, clip by clip, which is found for which frame."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    files = FrameFiles(folder, dataset, suffix=".png", endings=ENDINGS)
    return [
        {name: path.relative_to(folder).as_posix() for name, path in files.of(clip).items()}
        for clip in dataset.clips
    ]


def test_each_clip_may_have_a_folder(tmp_path: Path) -> None:
    dataset = data_set(clip("a/x", "i/0.jpg", "i/1.jpg"), clip("b", "j/0.jpg"))
    found = files_of(tmp_path, dataset, "a/x/0.png", "b/0.png", "b/7.png", "b/confidence/0.png")
    assert found == [{"0": "a/x/0.png"}, {"0": "b/0.png"}]


def test_one_folder_is_enough_where_names_are_unique(tmp_path: Path) -> None:
    dataset = data_set(clip("a", "i/a0.jpg", "i/a1.jpg"), clip("b", "i/b0.jpg"))
    found = files_of(tmp_path, dataset, "a0.png", "a1_pred.png", "b0.png")
    assert found == [{"a0": "a0.png", "a1": "a1_pred.png"}, {"b0": "b0.png"}]


def test_a_flat_file_that_two_clips_could_own_is_refused(tmp_path: Path) -> None:
    dataset = data_set(clip("a", "a/0.jpg"), clip("b", "b/0.jpg"))
    with pytest.raises(InputError, match=r"several clips have a frame 0.*0\.png"):
        files_of(tmp_path, dataset, "0.png")
    videos = data_set(clip("a", VideoFrame(video="a", index=0)), clip("b", "b/000000.jpg"))
    with pytest.raises(InputError, match="several clips have a frame 000000"):
        files_of(tmp_path, videos, "000000.png")


def test_clips_that_share_a_frame_share_its_flat_file(tmp_path: Path) -> None:
    dataset = data_set(clip("a", "i/0.jpg"), clip("all", "i/0.jpg", "i/1.jpg"))
    assert files_of(tmp_path, dataset, "0.png") == [{"0": "0.png"}, {"0": "0.png"}]


@pytest.mark.parametrize(
    "name",
    [
        f"{CITY}_leftImg8bit.png",
        f"{CITY}.png",
        f"{CITY}_pred.png",
        f"{CITY}_leftImg8bit_pred.png",
        f"{CITY}_labelIds.png",
    ],
)
@pytest.mark.parametrize("place", ["", "ulm/", f"{CITY}/"])
def test_files_of_cityscapes_may_lie_with_their_city(tmp_path: Path, name: str, place: str) -> None:
    dataset = data_set(clip(CITY, f"leftImg8bit_sequence/val/ulm/{CITY}_leftImg8bit.png"))
    found = files_of(tmp_path, dataset, place + name, place + f"{CITY}_gtFine_instanceIds.png")
    assert found == [{f"{CITY}_leftImg8bit": place + name}]


def test_the_folder_of_a_frame_counts_for_cityscapes_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no prediction for any of 1 clips"):
        files_of(tmp_path, data_set(clip("a", "images/0.png")), "images/0.png")


@pytest.mark.parametrize(
    "names",
    [("a/0.png", "a/0_pred.png"), ("a/0.png", "0.png"), ("a/0_pred.png", "a/0_labelIds.png")],
)
def test_two_files_of_a_frame_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="frame 0 of clip a has 2 files") as caught:
        files_of(tmp_path, data_set(clip("a", "i/0.jpg")), *names)
    assert "--format" in str(caught.value.hint)


def test_a_file_called_like_another_frame_belongs_to_that_one(tmp_path: Path) -> None:
    dataset = data_set(clip("a", "i/0.jpg", "i/0_pred.jpg"))
    assert files_of(tmp_path, dataset, "a/0_pred.png") == [{"0_pred": "a/0_pred.png"}]
    assert files_of(tmp_path, dataset, "a/0.png") == [{"0": "a/0.png", "0_pred": "a/0_pred.png"}]


def test_a_folder_without_predictions_says_how_they_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no prediction for any of 1 clips") as caught:
        files_of(tmp_path, data_set(clip("a", "i/0.jpg")), "b/0.png", "a/0.jpg")
    assert caught.value.hint == "files must be named like a/0.png"


def test_a_frame_without_a_file_is_refused_when_asked_for(tmp_path: Path) -> None:
    dataset = data_set(clip("a", "i/0.jpg", "i/1.jpg"))
    files_of(tmp_path, dataset, "a/0.png")
    files = FrameFiles(tmp_path, dataset, suffix=".png", endings=ENDINGS)
    with pytest.raises(InputError, match="frame 1 of clip a has no file"):
        files.path(dataset.clips[0], "1")
