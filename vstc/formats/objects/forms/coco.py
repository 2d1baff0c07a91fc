"""COCO files of single images as instance masks: ground truth, or results beside it.

Images of one folder are the frames of a clip. ``instance_id`` (or ``track_id``) ties objects of
its frames together where all annotations have it; else objects are numbered frame by frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, FiniteFloat

from vstc.errors import InputError
from vstc.formats.objects.forms.image_clips import NamedImage, clips_of_images
from vstc.formats.objects.forms.source import (
    InstanceSource,
    frame_by_frame,
    refuse_clips_of_one_name,
)
from vstc.formats.objects.json_stream import JsonFile, JsonItem
from vstc.formats.objects.polygons import polygons_to_rle
from vstc.formats.objects.rle import Rle, parse_rle
from vstc.formats.objects.store import InstanceCategory, InstanceMask
from vstc.formats.objects.tracks import Category, Row, by_id, look_at_mask, read_row, shown_size

FORM = "coco"


class _Annotation(Row):
    image_id: int
    category_id: int
    segmentation: Any
    iscrowd: int = Field(0, ge=0, le=1)
    score: FiniteFloat = 1.0
    instance_id: int | None = None
    track_id: int | None = None

    @property
    def track(self) -> int | None:
        return self.track_id if self.instance_id is None else self.instance_id


@dataclass(frozen=True, slots=True)
class _Entry:
    """An object of an image; its mask stays in the file."""

    index: int
    category_id: int
    score: float
    track: int | None
    start: int
    end: int

    def where(self, file: JsonFile) -> str:
        return f"{file.path}: {'' if file.is_list else 'annotations'}[{self.index}]"


@dataclass
class _Content:
    """What a file holds, without masks."""

    images: list[NamedImage] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    entries: dict[int, list[_Entry]] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    crowds: int = 0

    def add(self, item: JsonItem, file: JsonFile) -> None:
        row = read_row(_Annotation, item, file)
        seen = look_at_mask(row.segmentation, where=f"{file.path}: {item.place}.segmentation")
        if row.iscrowd:
            self.crowds += 1
            return
        if seen.size is not None:
            size = self.sizes.setdefault(row.image_id, seen.size)
            if size != seen.size:
                sizes = f"{shown_size(seen.size)}, masks before {shown_size(size)}"
                raise InputError(f"{file.path}: {item.place}: the mask is {sizes}")
        index = item.index or 0
        entry = _Entry(index, row.category_id, row.score, row.track, item.start, item.end)
        self.entries.setdefault(row.image_id, []).append(entry)


def find_coco(path: Path, names: Path | None) -> InstanceSource:
    """Open a file of objects in images.

    Args:
        path: Ground truth, or a list of results.
        names: For results, the ground truth that names images and categories.

    Raises:
        InputError: Anything in a file is wrong; names file, place and value.
    """
    file = JsonFile(path)
    if file.is_list and names is None:
        raise InputError(
            f"{path} holds results, which do not name images and categories",
            hint="give the ground truth, or any file with them, to --dataset",
        )
    content = _read(file)
    named = content if names is None else _read(JsonFile(names))
    images = by_id(named.images, "image", file)
    categories = by_id(named.categories, "category", file)
    _refuse_strangers(content, images, categories, file)
    clips, image_of = clips_of_images(list(images.values()), path)
    refuse_clips_of_one_name(clips, path)
    entries = [entry for of_image in content.entries.values() for entry in of_image]
    has_identity = bool(entries) and all(entry.track is not None for entry in entries)
    number_of = _track_numbers(entries) if has_identity else {}

    def read(clip_id: str, name: str) -> tuple[InstanceMask, ...]:
        image = image_of[clip_id, name]
        masks = []
        for place, entry in enumerate(content.entries.get(image.id, []), start=1):
            rle = _read_mask(file, entry, image)
            track = number_of.get(entry.track, place) if entry.track is not None else place
            if rle.area:
                masks.append(InstanceMask(track, entry.category_id, entry.score, rle))
        tracks = [mask.track for mask in masks]
        if len(set(tracks)) != len(tracks):
            raise InputError(f"{path}: an instance stands twice in image {image.file_name}")
        return tuple(masks)

    crowds = content.crowds
    return InstanceSource(
        form=FORM,
        place=path,
        files=None,
        categories=tuple(InstanceCategory(c.id, c.name) for c in categories.values()),
        clips=tuple(clips),
        has_identity=has_identity,
        read=frame_by_frame(read),
        image_folders={},
        lists_frames=True,
        remarks=(f"{crowds} crowd(s) left out: they are no objects",) if crowds else (),
    )


def _read(file: JsonFile) -> _Content:
    content = _Content()
    for item in file.items():
        if item.index is None:
            continue
        if file.is_list or item.key == "annotations":
            content.add(item, file)
        elif item.key == "images":
            content.images.append(read_row(NamedImage, item, file))
        elif item.key == "categories":
            content.categories.append(read_row(Category, item, file))
    return content


def _refuse_strangers(
    content: _Content,
    images: Mapping[int, NamedImage],
    categories: Mapping[int, Category],
    file: JsonFile,
) -> None:
    for image_id, entries in content.entries.items():
        where = entries[0].where(file)
        image = images.get(image_id)
        if image is None:
            raise InputError(f"{where}: no image has the id {image_id}")
        size = content.sizes.get(image_id, (image.height, image.width))
        if size != (image.height, image.width):
            raise InputError(
                f"{where}: the mask is {shown_size(size)}, but image {image.file_name} is "
                f"{image.width}x{image.height}"
            )
        for entry in entries:
            if entry.category_id not in categories:
                raise InputError(
                    f"{entry.where(file)}: no category has the id {entry.category_id}",
                    hint=f"categories are {', '.join(map(str, categories))}",
                )


def _track_numbers(entries: Sequence[_Entry]) -> dict[int, int]:
    """Keep positive ids; where one is not, number them from 1 in their order."""
    tracks = sorted({entry.track for entry in entries if entry.track is not None})
    if not tracks or tracks[0] > 0:
        return {track: track for track in tracks}
    return {track: number for number, track in enumerate(tracks, start=1)}


def _read_mask(file: JsonFile, entry: _Entry, image: NamedImage) -> Rle:
    value = file.read(entry.start, entry.end)["segmentation"]
    where = entry.where(file)
    if isinstance(value, list):
        return polygons_to_rle(value, height=image.height, width=image.width, where=where)
    return parse_rle(value, where=where)
