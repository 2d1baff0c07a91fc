"""Video files as clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vstc.data.index.source import Indexed
from vstc.data.index.summary import summarise
from vstc.data.index.video import VideoSettings, find_video
from vstc.errors import InputError
from vstc.formats.dataset import Dataset, VideoFrame
from vstc.formats.video.files import VideoWriter


def save_video(path: Path, frames: int) -> Path:
    with VideoWriter(path, fps=12, size=(24, 32)) as writer:
        for i in range(frames):
            writer.write(np.full((24, 32, 3), 10 * i, np.uint8))
    return path


def index(files: list[Path], settings: VideoSettings | None = None) -> tuple[Indexed, Dataset]:
    source = find_video(files, settings or VideoSettings())
    indexed = source.build(lambda _count: None)
    output = files[0].parent / "out"
    return indexed, Dataset(source.record(indexed, output), output)


def test_each_file_is_a_clip_with_its_frames(tmp_path: Path) -> None:
    files = [save_video(tmp_path / "x" / "a.mp4", 4), save_video(tmp_path / "b.mp4", 2)]
    indexed, dataset = index(files, VideoSettings(split="drive"))
    first, second = summarise(dataset)
    assert (first.id, first.frames, first.size, first.fps) == ("a", 4, (24, 32), 12.0)
    assert (second.id, second.frames, second.is_consecutive) == ("b", 2, True)
    assert dataset.splits == ["drive"]
    assert dataset.clip("a").frames[3] == VideoFrame(video="x/a.mp4", index=3)
    assert dataset.num_classes == 0
    assert indexed.remarks == []


def test_a_wrong_frame_count_in_the_file_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_video(tmp_path / "a.mp4", 4)
    from vstc.formats.video import files as video

    honest = video.VideoInfo

    def lying(**facts: object) -> object:
        return honest(**(facts | {"declared_frames": 99}))  # type: ignore[arg-type]

    monkeypatch.setattr(video, "VideoInfo", lying)
    indexed, dataset = index([path])
    assert len(dataset.clips[0].frames) == 4
    assert "declares 99 frames but 4" in indexed.remarks[0]


def test_missing_folder_text_and_equal_stems_are_refused(tmp_path: Path) -> None:
    good = save_video(tmp_path / "a.mp4", 1)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(InputError, match="not a video file"):
        index([tmp_path / "none.mp4"])
    with pytest.raises(InputError, match="not a video file"):
        index([tmp_path])
    with pytest.raises(InputError, match="not a video that can be read"):
        index([text])
    with pytest.raises(InputError, match="a twice"):
        index([good, save_video(tmp_path / "x" / "a.mp4", 1)])
    with pytest.raises(InputError, match="no video file"):
        find_video([], VideoSettings())


def test_real_clip_is_counted(real_data: Path) -> None:
    source = find_video([real_data / "video/udacity_clips/solidWhiteRight.mp4"], VideoSettings())
    (clip,) = source.build(lambda _count: None).clips
    assert (clip.id, len(clip.frames), clip.fps) == ("solidWhiteRight", 221, 25.0)
