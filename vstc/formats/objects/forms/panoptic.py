"""Panoptic maps: a PNG of segment ids and JSON that tells what the segments are.

The id of a colour is ``R + 256 G + 65536 B``; palette and grey files hold the ids themselves; 0 is
void. The JSON is either one file in the form of COCO (``images``, ``annotations`` with
``segments_info``, ``categories``), with the maps in a folder of its name or beside it, or one
file for each map, ``<clip>/<frame>.png`` and ``<clip>/<frame>.json``, a list of ``{"id",
"category_id", "isthing"}``. Segments of stuff are read when asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydantic import Field

from vstc.errors import InputError
from vstc.formats.objects.forms.frame_images import natural
from vstc.formats.objects.forms.image_clips import NamedImage, clips_of_images
from vstc.formats.objects.forms.source import (
    InstanceSource,
    frame_by_frame,
    refuse_clips_of_one_name,
)
from vstc.formats.objects.json_stream import JsonFile
from vstc.formats.objects.rle import runs_to_rle
from vstc.formats.objects.runs import runs_by_id
from vstc.formats.objects.store import InstanceCategory, InstanceClip, InstanceMask
from vstc.formats.objects.tracks import Category, Numbered, Row, read_row, shown_size

FORM = "panoptic"
MAX_ID = (1 << 24) - 1
_Ids = NDArray[np.uint32]


class _Segment(Numbered):
    category_id: int
    isthing: bool | None = None
    score: float = 1.0


class _Category(Category):
    isthing: int = Field(1, ge=0, le=1)


class _Image(NamedImage):
    """An image of a COCO file."""


class _Annotation(Row):
    image_id: int
    file_name: str
    segments_info: list[Any]


class _Info(Row):
    has_identity: bool = False


class _FrameFile(Row):
    segments_info: list[_Segment]


@dataclass(frozen=True)
class _Map:
    """A map and what its segments are."""

    path: Path
    segments: Mapping[int, _Segment]


@dataclass
class _Content:
    """The rows of a COCO file; of annotations, where they stand, by image."""

    images: list[_Image] = field(default_factory=list)
    categories: list[_Category] = field(default_factory=list)
    annotations: dict[int, tuple[int, int]] = field(default_factory=dict)
    info: _Info = field(default_factory=_Info)


def find_panoptic(place: Path, *, with_stuff: bool) -> InstanceSource:
    """Find panoptic maps.

    Args:
        place: A COCO file, or a folder of clips with a JSON file beside each map.
        with_stuff: Read segments of stuff too.

    Raises:
        InputError: There are none, or the JSON is wrong.
    """
    if place.is_dir():
        return _find_frame_files(place, with_stuff=with_stuff)
    return _find_coco(place, with_stuff=with_stuff)


def _find_frame_files(folder: Path, *, with_stuff: bool) -> InstanceSource:
    maps: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("*/*.png"), key=lambda path: natural(path.stem)):
        if path.with_suffix(".json").is_file():
            maps.setdefault(path.parent.name, {})[path.stem] = path
    if not maps:
        raise InputError(
            f"{folder} holds no panoptic maps",
            hint="files must be named <clip>/<frame>.png and <clip>/<frame>.json",
        )
    clips = {name: _clip_of(name, list(paths.values())) for name, paths in sorted(maps.items())}
    things: dict[int, bool] = {}
    for paths in maps.values():
        for path in paths.values():
            things |= {s.category_id: s.isthing is not False for s in _frame_segments(path)}
    kept = {number for number, is_thing in things.items() if is_thing or with_stuff}

    def read(clip_id: str, name: str) -> tuple[InstanceMask, ...] | None:
        path = maps[clip_id].get(name)
        if path is None:
            return None
        segments = {segment.id: segment for segment in _frame_segments(path)}
        return _masks(_Map(path, segments), clips[clip_id], kept)

    suffixes = (".png", ".json")
    return InstanceSource(
        form=FORM,
        place=folder,
        files=tuple(
            path.with_suffix(suffix).relative_to(folder).as_posix()
            for paths in maps.values()
            for path in paths.values()
            for suffix in suffixes
        ),
        categories=tuple(
            InstanceCategory(number, f"category_{number}", things[number])
            for number in sorted(kept)
        ),
        clips=tuple(clips.values()),
        has_identity=False,
        read=frame_by_frame(read),
        image_folders={name: folder.parent / "images" / name for name in clips},
    )


def _find_coco(path: Path, *, with_stuff: bool) -> InstanceSource:
    file = JsonFile(path)
    content = _read_coco(file)
    folder = path.with_suffix("") if path.with_suffix("").is_dir() else path.parent
    clips, image_of = clips_of_images(content.images, path)
    refuse_clips_of_one_name(clips, path)
    clip_of = {clip.id: clip for clip in clips}
    kept = {c.id for c in content.categories if c.isthing or with_stuff}

    def read(clip_id: str, name: str) -> tuple[InstanceMask, ...] | None:
        place = content.annotations.get(image_of[clip_id, name].id)
        if place is None:
            return None
        annotation = _Annotation.model_validate(file.read(*place))
        where = f"{path}: segments of {annotation.file_name}"
        segments = [_segment(row, where) for row in annotation.segments_info]
        found = _Map(folder / annotation.file_name, {segment.id: segment for segment in segments})
        return _masks(found, clip_of[clip_id], kept)

    return InstanceSource(
        form=FORM,
        place=path,
        files=None,
        categories=tuple(
            InstanceCategory(c.id, c.name, bool(c.isthing))
            for c in content.categories
            if c.id in kept
        ),
        clips=tuple(clips),
        has_identity=content.info.has_identity,
        read=frame_by_frame(read),
        image_folders={},
        lists_frames=True,
    )


def _read_coco(file: JsonFile) -> _Content:
    content = _Content()
    for item in file.items():
        if item.key == "info" and isinstance(item.value, dict):
            content.info = read_row(_Info, item, file)
        elif item.index is None:
            continue
        elif item.key == "images":
            content.images.append(read_row(_Image, item, file))
        elif item.key == "categories":
            content.categories.append(read_row(_Category, item, file))
        elif item.key == "annotations":
            row = read_row(_Annotation, item, file)
            content.annotations[row.image_id] = (item.start, item.end)
    if not content.images:
        raise InputError(f"{file.path} lists no images")
    return content


def _segment(value: Any, where: str) -> _Segment:
    try:
        return _Segment.model_validate(value)
    except ValueError as error:
        raise InputError(f"{where}: not a segment: {value!r:.80}") from error


def _frame_segments(path: Path) -> Sequence[_Segment]:
    place = path.with_suffix(".json")
    file = JsonFile(place)
    value = [item.value for item in file.items() if file.is_list or item.key == "segments_info"]
    return [_segment(row, str(place)) for row in value]


def _clip_of(name: str, paths: Sequence[Path]) -> InstanceClip:
    sizes = {path: _size(path) for path in paths}
    first = sizes[paths[0]]
    for path, size in sizes.items():
        if size != first:
            raise InputError(
                f"{path} is {shown_size(size)}, the first map of clip {name} {shown_size(first)}",
                hint="make it again at the size of the frames",
            )
    return InstanceClip(name, *first, None, tuple(path.stem for path in paths))


def _masks(found: _Map, clip: InstanceClip, kept: set[int]) -> tuple[InstanceMask, ...]:
    ids = read_segment_ids(found.path)
    if ids.shape != (clip.height, clip.width):
        size = (ids.shape[0], ids.shape[1])
        raise InputError(
            f"{found.path} is {shown_size(size)}, but its clip {clip.id} is "
            f"{shown_size((clip.height, clip.width))}"
        )
    masks = []
    for value, runs in runs_by_id(ids).items():
        segment = found.segments.get(value)
        if segment is None:
            raise InputError(
                f"{found.path} holds the segment {value}, which its JSON does not name"
            )
        if segment.category_id in kept:
            rle = runs_to_rle(runs, height=clip.height, width=clip.width)
            masks.append(InstanceMask(value, segment.category_id, segment.score, rle))
    return tuple(masks)


def read_segment_ids(path: Path) -> _Ids:
    """Read a map of segment ids, (H, W): of colours ``R + 256 G + 65536 B``, else the values.

    Raises:
        InputError: Missing or unreadable.
    """
    try:
        with Image.open(path) as image:
            image.load()
            is_color = image.mode in {"RGB", "RGBA"}
            values = np.asarray(image.convert("RGB") if is_color else image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise InputError(f"panoptic map is not readable: {path}: {error}") from error
    if is_color:
        weights = np.array([1, 1 << 8, 1 << 16], np.uint32)
        ids: _Ids = values.astype(np.uint32) @ weights
        return ids
    if values.ndim != 2 or values.dtype.kind not in "iu" or values.min() < 0:
        raise InputError(
            f"panoptic map {path} holds no ids", hint="save it as RGB, grey or palette"
        )
    return values.astype(np.uint32)


def segment_colors(ids: _Ids) -> NDArray[np.uint8]:
    """Return the colours of segment ids, (H, W, 3) RGB."""
    return np.stack([(ids >> shift) & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"panoptic map is not readable: {path}: {error}") from error
