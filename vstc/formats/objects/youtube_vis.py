"""YouTube-VIS files: ground truth and results, checked as a whole before any mask is used.

Ground truth is ``{"videos", "categories", "annotations"}`` with one annotation per object and
a mask (RLE or polygons) or null per frame; CocoVID files, with ``images`` and one annotation per
object and frame, are read too. Results are a list of ``{"video_id", "category_id", "score",
"segmentations"}``, or a zip file that holds ``results.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, FiniteFloat

from vstc.errors import InputError
from vstc.formats.objects.coco_vid import (
    FrameMask,
    VideoImage,
    join_frames_to_tracks,
    read_frame_mask,
    with_frames,
)
from vstc.formats.objects.json_stream import JsonFile, JsonItem
from vstc.formats.objects.tracks import (
    Category,
    Numbered,
    Piece,
    Row,
    SeenMask,
    SeenTrack,
    TrackEntry,
    TrackFile,
    Video,
    by_id,
    checked_tracks,
    look_at_mask,
    mean_area,
    read_row,
    shown_size,
)


class _Annotation(Numbered):
    """An object of the ground truth."""

    video_id: int
    category_id: int
    iscrowd: int = Field(0, ge=0, le=1)
    segmentations: list[Any]
    areas: list[FiniteFloat | None] | None = None


class _Result(Row):
    """A found object."""

    video_id: int
    category_id: int
    score: FiniteFloat
    segmentations: list[Any]


@dataclass
class _Truth:
    """The rows of a ground truth file as they come."""

    videos: list[Video] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    images: list[VideoImage] = field(default_factory=list)
    tracks: list[SeenTrack] = field(default_factory=list)
    frame_masks: list[FrameMask] = field(default_factory=list)
    annotation_ids: set[int] = field(default_factory=set)

    def add(self, item: JsonItem, file: JsonFile) -> None:
        if item.key == "videos":
            self.videos.append(read_row(Video, item, file))
        elif item.key == "categories":
            self.categories.append(read_row(Category, item, file))
        elif item.key == "images":
            self.images.append(read_row(VideoImage, item, file))
        elif item.key == "annotations":
            self._refuse_id(read_row(Numbered, item, file).id, item, file)
            if "segmentations" in item.value or "image_id" not in item.value:
                self.tracks.append(_read_annotation(item, file))
            else:
                self.frame_masks.append(read_frame_mask(item, file))

    def _refuse_id(self, number: int, item: JsonItem, file: JsonFile) -> None:
        where = f"{file.path}: {item.place}"
        if number == 0:
            raise InputError(
                f"{where} has the id 0, which the usual evaluation takes for unmatched",
                hint="number annotations from 1",
            )
        if number in self.annotation_ids:
            raise InputError(f"{where}: annotation id {number} stands twice")
        self.annotation_ids.add(number)


def read_ground_truth(path: Path) -> TrackFile:
    """Check a ground truth file and list its tracks.

    The area of a track comes from its ``areas`` where it has them, else from its masks.

    Args:
        path: The JSON file.

    Raises:
        InputError: Anything in it is wrong; names file, place and value.
    """
    file = JsonFile(path)
    if file.is_list:
        raise InputError(
            f"{path} is a list and no ground truth", hint="results are the first argument"
        )
    truth, keys = _Truth(), set()
    for item in file.items():
        keys.add(item.key)
        if item.index is not None:
            truth.add(item, file)
    for key in ("videos", "categories", "annotations"):
        if key not in keys:
            raise InputError(
                f'{path} has no "{key}"', hint="the published test sets keep annotations hidden"
            )
    if truth.images:
        truth.videos = with_frames(truth.videos, truth.images, file)
    videos = {number: _with_length(video, path) for number, video in
              by_id(truth.videos, "video", file).items()}  # fmt: skip
    categories = list(by_id(truth.categories, "category", file).values())
    joined = join_frames_to_tracks(truth.frame_masks, truth.images, videos, file)
    tracks = truth.tracks + joined
    return checked_tracks(file, tracks, videos=videos, categories=categories)


def read_results(
    path: Path, *, videos: Mapping[int, Video], categories: Sequence[Category]
) -> TrackFile:
    """Check a results file against the videos and categories of its ground truth.

    Args:
        path: The JSON file, or a zip file that holds ``results.json``. An empty list is fine.
        videos: The videos of the ground truth by id.
        categories: Its classes.

    Raises:
        InputError: Anything in it is wrong; names file, place and value.
    """
    file = JsonFile(path)
    if not file.is_list:
        raise InputError(
            f"{path} is an object, but results are a list",
            hint="ground truth goes to --dataset",
        )
    tracks = (_read_result(item, file) for item in file.items())
    return checked_tracks(file, tracks, videos=videos, categories=categories)


def _with_length(video: Video, path: Path) -> Video:
    """Take the length from the file names where it is not given."""
    length = video.length or len(video.file_names)
    if not length:
        raise InputError(f"{path}: video {video.label} (id {video.id}) has no frames")
    if video.file_names and len(video.file_names) != length:
        raise InputError(
            f"{path}: video {video.label} (id {video.id}) has length {length}, "
            f"but {len(video.file_names)} file_names"
        )
    return video.model_copy(update={"length": length})


def _read_annotation(item: JsonItem, file: JsonFile) -> SeenTrack:
    row = read_row(_Annotation, item, file)
    masks = _look_at(row.segmentations, f"{file.path}: {item.place}.segmentations")
    if row.areas is not None and len(row.areas) != len(masks):
        raise InputError(
            f"{file.path}: {item.place} has {len(row.areas)} areas for {len(masks)} frames"
        )
    return _seen(
        item,
        masks,
        video_id=row.video_id,
        category_id=row.category_id,
        is_crowd=bool(row.iscrowd),
        areas=row.areas,
    )


def _read_result(item: JsonItem, file: JsonFile) -> SeenTrack:
    row = read_row(_Result, item, file)
    masks = _look_at(row.segmentations, f"{file.path}: {item.place}.segmentations")
    return _seen(item, masks, video_id=row.video_id, category_id=row.category_id, score=row.score)


def _seen(
    item: JsonItem,
    masks: Sequence[SeenMask | None],
    *,
    video_id: int,
    category_id: int,
    score: float = 1.0,
    is_crowd: bool = False,
    areas: Sequence[float | None] | None = None,
) -> SeenTrack:
    shown = [mask for mask in masks if mask is not None]
    sizes = [mask.size for mask in shown if mask.size is not None]
    entry = TrackEntry(
        place=item.place,
        video_id=video_id,
        category_id=category_id,
        score=score,
        is_crowd=is_crowd,
        mean_area=mean_area((mask.area for mask in shown) if areas is None else areas),
        pieces=(Piece(None, item.start, item.end),),
    )
    return SeenTrack(
        entry,
        length=len(masks),
        size=sizes[0] if sizes else None,
        is_area_known=areas is not None or len(sizes) == len(shown),
    )


def _look_at(segmentations: Sequence[Any], where: str) -> list[SeenMask | None]:
    """Check the masks of a track; those that tell a size must tell the same."""
    size: tuple[int, int] | None = None
    masks: list[SeenMask | None] = []
    for index, value in enumerate(segmentations):
        mask = None if value is None else look_at_mask(value, where=f"{where}[{index}]")
        masks.append(mask)
        if mask is not None and mask.size is not None:
            size = size or mask.size
            if size != mask.size:
                found = shown_size(mask.size)
                raise InputError(f"{where}[{index}] is {found}, masks before {shown_size(size)}")
    return masks
