"""Index video files: each is a clip whose frames are counted by decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vstc.config import Settings
from vstc.data.index.classes import UNUSED_ID, ClassTable, read_class_table
from vstc.data.index.source import Advance, Indexed, Source, common_root, refuse_twice
from vstc.errors import InputError
from vstc.formats.dataset import Clip, VideoFrame
from vstc.formats.video.files import VideoReader


class VideoSettings(Settings):
    """Settings of ``vstc data index video``.

    Attributes:
        name: Name of the data set; default: of the file, or ``videos``.
        classes: JSON file with the class table, if one is to be kept with the videos.
        split: Split of all clips.
    """

    name: str | None = None
    classes: str | None = None
    split: str = "all"


def find_video(files: Sequence[Path], settings: VideoSettings) -> Source:
    """Take video files as clips; the id of a clip is the stem of its file.

    Raises:
        InputError: No file, a missing file, or two files with the same stem.
    """
    if not files:
        raise InputError("no video file was given")
    for path in files:
        if not path.is_file():
            hint = "for images: vstc data index folder" if path.is_dir() else None
            raise InputError(f"not a video file: {path}", hint=hint)
    refuse_twice((path.stem for path in files), where="the list of videos")
    places = [path.resolve() for path in files]
    root = common_root(place.parent for place in places)
    names = [place.relative_to(root).as_posix() for place in places]
    table = ClassTable((), UNUSED_ID)
    if settings.classes is not None:
        table = read_class_table(Path(settings.classes))

    def build(advance: Advance) -> Indexed:
        clips: list[Clip] = []
        remarks: list[str] = []
        for path, name in zip(files, names, strict=True):
            clips.append(_clip(path, name, settings.split, remarks))
            advance(1)
        return Indexed(table, clips, remarks)

    return Source(
        name=settings.name or (files[0].stem if len(files) == 1 else "videos"),
        place=str(files[0] if len(files) == 1 else files[0].parent),
        root=root,
        files=names,
        units=len(files),
        unit="videos",
        build=build,
    )


def _clip(path: Path, name: str, split: str, remarks: list[str]) -> Clip:
    with VideoReader(path) as reader:
        count = reader.count_frames()
        info = reader.info
    if info.declared_frames is not None and info.declared_frames != count:
        remarks.append(f"{path} declares {info.declared_frames} frames but {count} can be decoded")
    if info.fps is None:
        remarks.append(f"{path} does not say its frame rate")
    return Clip(
        id=path.stem,
        split=split,
        fps=info.fps,
        frame_step=1,
        frames=[VideoFrame(video=name, index=index) for index in range(count)],
    )
