"""Where pictures of frames are found, and which are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.instances.archives import write_archive
from vstc.errors import InputError
from vstc.formats.dataset import VideoFrame
from vstc.formats.images import encode_rgb
from vstc.formats.objects.store import InstanceArchive
from vstc.formats.video.files import VideoWriter
from vstc.instances.tracking.pictures import (
    PictureReader,
    check_pictures,
    open_pictures,
    relative_names,
)

SIZE = (24, 32)


def picture(path: Path, *, size: tuple[int, int] = SIZE, level: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_rgb(np.full((*size, 3), level, np.uint8)))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> InstanceArchive:
    return InstanceArchive(write_archive(tmp_path / "masks", {"a": [[], []]}, size=SIZE))


@pytest.mark.parametrize("place", ["", "a", "a/frames"])
def test_folder_may_hold_clips_or_the_frames_of_the_only_one(
    archive: InstanceArchive, tmp_path: Path, place: str
) -> None:
    wanted = picture(tmp_path / "pictures" / place / "00001.png")
    picture(tmp_path / "pictures" / "other" / "00000.png")
    source = open_pictures(archive, tmp_path / "pictures")
    assert source is not None
    assert source.of_clip(archive.clips[0]) == [None, wanted]
    reference = source.reference(archive.clips)
    assert reference is not None
    assert reference.role == "frames"


def test_two_images_with_the_name_of_a_frame_are_refused(
    archive: InstanceArchive, tmp_path: Path
) -> None:
    picture(tmp_path / "pictures" / "00000.png")
    picture(tmp_path / "pictures" / "00000.bmp")
    source = open_pictures(archive, tmp_path / "pictures")
    assert source is not None
    with pytest.raises(InputError, match="two images called 00000"):
        source.of_clip(archive.clips[0])


def test_masks_without_images_have_no_pictures(archive: InstanceArchive) -> None:
    assert open_pictures(archive, None) is None


def test_images_that_the_masks_name_are_the_default(tmp_path: Path) -> None:
    folder = write_archive(tmp_path / "m", {"a": [[], []]}, size=SIZE, frames_root=tmp_path / "p")
    archive = InstanceArchive(folder)
    source = open_pictures(archive, None)
    assert source is not None
    pictures = source.of_clip(archive.clips[0])
    assert pictures == [tmp_path / "p" / "a" / f"0000{index}.png" for index in range(2)]
    assert relative_names(pictures, source.root) == ("a/00000.png", "a/00001.png")


def test_data_set_is_matched_by_clips_and_frame_names(moving_dataset: Path, tmp_path: Path) -> None:
    names = {"val0": ["003", "009"], "unknown": ["000"]}
    clips: dict[str, list[list[object]]] = {"val0": [[], []], "unknown": [[]]}
    folder = write_archive(tmp_path / "m", clips, size=(48, 64), names=names)
    archive = InstanceArchive(folder)
    source = open_pictures(archive, moving_dataset)
    assert source is not None
    assert source.of_clip(archive.clips[0]) == [moving_dataset / "frames/val0/003.png", None]
    assert source.of_clip(archive.clips[1]) == [None]
    assert relative_names(source.of_clip(archive.clips[0]), source.root) is None
    check_pictures(source, archive.clips)


def test_place_without_any_picture_of_the_clips_is_refused(
    archive: InstanceArchive, tmp_path: Path
) -> None:
    picture(tmp_path / "pictures" / "b" / "7.png")
    source = open_pictures(archive, tmp_path / "pictures")
    assert source is not None
    with pytest.raises(InputError, match="has no picture of any frame"):
        check_pictures(source, archive.clips)
    with pytest.raises(InputError, match="no data set and no folder"):
        open_pictures(archive, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("size", "fits"), [((24, 32), True), ((24, 33), True), ((48, 64), True), ((24, 40), False)]
)
def test_pictures_may_be_of_another_resolution_or_a_pixel_off_but_not_of_another_shape(
    archive: InstanceArchive, tmp_path: Path, size: tuple[int, int], fits: bool
) -> None:
    picture(tmp_path / "pictures" / "00000.png", size=size)
    source = open_pictures(archive, tmp_path / "pictures")
    assert source is not None
    if fits:
        check_pictures(source, archive.clips)
        return
    with pytest.raises(InputError, match="40x24, masks of clip a are 32x24"):
        check_pictures(source, archive.clips)


def test_named_image_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    folder = write_archive(tmp_path / "m", {"a": [[]]}, size=SIZE, frames_root=tmp_path / "p")
    archive = InstanceArchive(folder)
    source = open_pictures(archive, None)
    assert source is not None
    with pytest.raises(InputError, match="not readable"):
        check_pictures(source, archive.clips)


def test_reader_reads_images_and_frames_of_videos(tmp_path: Path) -> None:
    image = picture(tmp_path / "00000.png", level=7)
    levels = (20, 120, 220)
    videos = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    for path in videos:
        with VideoWriter(path, fps=10, size=SIZE) as writer:
            for level in levels:
                writer.write(np.full((*SIZE, 3), level, np.uint8))
    reader = PictureReader()
    assert reader.read(image).mean() == 7
    for index in (0, 2):
        for path in videos:
            read = reader.read(VideoFrame(video=str(path), index=index))
            assert read.mean() == pytest.approx(levels[index], abs=4)
    reader.close()
