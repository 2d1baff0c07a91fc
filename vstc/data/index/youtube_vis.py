"""YouTube-VIS: the frames and classes of its splits; its masks stay in the JSON files.

``<split>/JPEGImages/<video>`` or ``JPEGImages/<video>``, with ``<split>/instances.json`` (2021),
``<split>.json`` or ``instances_<split>_sub.json`` (2019). ``vstc instances import`` reads masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vstc.data.index.classes import UNUSED_ID, ClassTable, distinct_color
from vstc.data.index.image_names import step_of
from vstc.data.index.source import Advance, Indexed, Source, refuse_missing, refuse_twice
from vstc.errors import InputError
from vstc.formats.dataset import Clip, LabelClass
from vstc.formats.objects.json_stream import JsonFile
from vstc.formats.objects.tracks import Category, Video, by_id, read_row

FPS = 30.0  # of the videos; every fifth frame is there
_SPLITS = ("train", "valid", "val", "test")
_FILES = (
    "{split}/instances.json",
    "{split}.json",
    "{split}/{split}.json",
    "instances_{split}_sub.json",
    "annotations/instances_{split}_sub.json",
    "annotations/{split}.json",
)
_IMAGES = ("{split}/JPEGImages", "{split}_all_frames/JPEGImages", "JPEGImages")


@dataclass(frozen=True)
class _Split:
    """A split: its file, and what that names."""

    name: str
    file: Path
    images: str
    videos: list[Video]
    categories: list[Category]


def find_youtube_vis(root: Path) -> Source:
    """Find the splits of YouTube-VIS.

    Args:
        root: Folder of one of the layouts above.

    Raises:
        InputError: No split is there, frames are missing, or splits differ in their classes.
    """
    place = root.resolve()
    splits = list(_find_splits(place))
    if not splits:
        raise InputError(
            f"{root} is not YouTube-VIS",
            hint="give the folder that holds train/JPEGImages and train/instances.json",
        )
    table = _table(splits)
    clips = [_clip(split, video) for split in splits for video in split.videos]
    refuse_twice((clip.id for clip in clips), where=f"{root}, videos:")
    frames = [str(frame) for clip in clips for frame in clip.frames]
    refuse_missing(place, frames, named_by="the JSON of YouTube-VIS")
    files = [*frames, *(split.file.relative_to(place).as_posix() for split in splits)]
    remarks = ["labels are none; vstc instances import reads the masks from " + _names(splits)]

    def build(advance: Advance) -> Indexed:
        del advance
        return Indexed(table, clips, remarks)

    return Source(
        name=place.name,
        place=str(root),
        root=place,
        files=sorted(files),
        units=0,
        unit="files",
        build=build,
    )


def _find_splits(root: Path) -> Iterator[_Split]:
    for name in _SPLITS:
        paths = [root / pattern.format(split=name) for pattern in _FILES]
        file = next((path for path in paths if path.is_file()), None)
        folders = [pattern.format(split=name) for pattern in _IMAGES]
        images = next((folder for folder in folders if (root / folder).is_dir()), None)
        if file is not None and images is not None:
            yield _read(name, file, images)


def _read(name: str, path: Path, images: str) -> _Split:
    file = JsonFile(path)
    videos: list[Video] = []
    categories: list[Category] = []
    for item in file.items():
        if item.index is not None and item.key == "videos":
            videos.append(read_row(Video, item, file))
        elif item.index is not None and item.key == "categories":
            categories.append(read_row(Category, item, file))
    if not videos or not categories:
        raise InputError(f"{path} names no videos or no categories")
    by_number = by_id(categories, "category", file)
    return _Split(name, path, images, videos, list(by_number.values()))


def _table(splits: list[_Split]) -> ClassTable:
    """Number the categories from 1 by their ids; 0 is background."""
    names = [category.name for category in splits[0].categories]
    for split in splits[1:]:
        if [category.name for category in split.categories] != names:
            raise InputError(f"{split.file} has other categories than {splits[0].file}")
    classes = [
        LabelClass(id=number, name=name, color=distinct_color(number))
        for number, name in enumerate(["background", *names])
    ]
    return ClassTable(classes, UNUSED_ID)


def _clip(split: _Split, video: Video) -> Clip:
    if not video.file_names:
        raise InputError(f"{split.file}: video {video.label} (id {video.id}) has no file_names")
    return Clip(
        id=video.label,
        split=split.name,
        fps=FPS,
        frame_step=step_of(video.file_names),
        frames=[f"{split.images}/{name}" for name in video.file_names],
    )


def _names(splits: list[_Split]) -> str:
    return ", ".join(split.file.name for split in splits)
