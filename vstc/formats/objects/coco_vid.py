"""The CocoVID layout of ground truth: ``images`` of videos, one annotation per object and frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, FiniteFloat

from vstc.errors import InputError
from vstc.formats.objects.json_stream import JsonFile, JsonItem
from vstc.formats.objects.tracks import (
    Numbered,
    Piece,
    SeenTrack,
    TrackEntry,
    Video,
    by_id,
    look_at_mask,
    mean_area,
    read_row,
    shown_size,
)


class VideoImage(Numbered):
    """A frame of a video; ``frame_id`` gives the order."""

    video_id: int
    frame_id: int
    file_name: str = ""


class _Annotation(Numbered):
    """An object in one frame; ``instance_id`` ties the frames together."""

    image_id: int
    category_id: int
    instance_id: int
    iscrowd: int = Field(0, ge=0, le=1)
    segmentation: Any
    area: FiniteFloat | None = None


@dataclass(frozen=True)
class FrameMask:
    """An object in one frame: its annotation without the mask, and what is seen of that."""

    place: str
    annotation: _Annotation
    size: tuple[int, int] | None
    area: float | None
    start: int
    end: int


def read_frame_mask(item: JsonItem, file: JsonFile) -> FrameMask:
    """Check an annotation of one frame.

    Raises:
        InputError: It is not valid; names the place.
    """
    annotation = read_row(_Annotation, item, file)
    where = f"{file.path}: {item.place}.segmentation"
    mask = look_at_mask(annotation.segmentation, where=where)
    return FrameMask(
        place=item.place,
        annotation=annotation.model_copy(update={"segmentation": None}),
        size=mask.size,
        area=mask.area if annotation.area is None else annotation.area,
        start=item.start,
        end=item.end,
    )


def with_frames(
    videos: Iterable[Video], images: Iterable[VideoImage], file: JsonFile
) -> list[Video]:
    """Give videos the frames that the images tell of, in the order of ``frame_id``.

    Raises:
        InputError: Two images are the same frame of a video.
    """
    frames: dict[int, dict[int, VideoImage]] = {}
    for image in images:
        of_video = frames.setdefault(image.video_id, {})
        if image.frame_id in of_video:
            raise InputError(
                f"{file.path}: images {of_video[image.frame_id].id} and {image.id} are both "
                f"frame {image.frame_id} of video {image.video_id}"
            )
        of_video[image.frame_id] = image
    filled = []
    for video in videos:
        ordered = [image for _, image in sorted(frames.get(video.id, {}).items())]
        names = [image.file_name for image in ordered]
        update = {"length": len(names), "file_names": names if all(names) else []}
        filled.append(video.model_copy(update=update))
    return filled


def join_frames_to_tracks(
    masks: Sequence[FrameMask],
    images: Sequence[VideoImage],
    videos: Mapping[int, Video],
    file: JsonFile,
) -> list[SeenTrack]:
    """Tie the masks of an object together, in the order of its first annotation.

    Raises:
        InputError: An unknown image, or masks of an object that contradict each other.
    """
    place_of = _places(images)
    of_image = by_id(images, "image", file)
    tracks: dict[tuple[int, int], dict[int, FrameMask]] = {}
    for mask in masks:
        image = of_image.get(mask.annotation.image_id)
        if image is None:
            where = f"{file.path}: {mask.place}"
            raise InputError(f"{where}: no image has the id {mask.annotation.image_id}")
        track = tracks.setdefault((image.video_id, mask.annotation.instance_id), {})
        _refuse_contradiction(track, mask, place_of[image.id], file)
        track[place_of[image.id]] = mask
    return [_seen(track, key[0], videos) for key, track in tracks.items()]


def _places(images: Iterable[VideoImage]) -> dict[int, int]:
    """Return the place of each image in its video."""
    places: dict[int, int] = {}
    counted: dict[int, int] = {}
    for image in sorted(images, key=lambda image: (image.video_id, image.frame_id)):
        places[image.id] = counted.get(image.video_id, 0)
        counted[image.video_id] = places[image.id] + 1
    return places


def _refuse_contradiction(
    track: Mapping[int, FrameMask], mask: FrameMask, frame: int, file: JsonFile
) -> None:
    where = f"{file.path}: {mask.place}"
    instance = mask.annotation.instance_id
    if frame in track:
        raise InputError(f"{where}: instance {instance} stands twice in frame {frame}")
    for other in track.values():
        if mask.annotation.category_id != other.annotation.category_id:
            raise InputError(f"{where}: instance {instance} has another category than before")
        if mask.annotation.iscrowd != other.annotation.iscrowd:
            raise InputError(f"{where}: instance {instance} has another iscrowd than before")
        if None not in (mask.size, other.size) and mask.size != other.size:
            sizes = f"{shown_size(mask.size)} and {shown_size(other.size)}"
            raise InputError(f"{where}: instance {instance} has masks of {sizes}")
        return


def _seen(track: Mapping[int, FrameMask], video_id: int, videos: Mapping[int, Video]) -> SeenTrack:
    first = next(iter(track.values()))
    entry = TrackEntry(
        place=first.place,
        video_id=video_id,
        category_id=first.annotation.category_id,
        score=1.0,
        is_crowd=bool(first.annotation.iscrowd),
        mean_area=mean_area(mask.area for mask in track.values()),
        pieces=tuple(Piece(i, track[i].start, track[i].end) for i in sorted(track)),
    )
    length = videos[video_id].length if video_id in videos else 0
    sizes = [mask.size for mask in track.values() if mask.size is not None]
    return SeenTrack(
        entry,
        length=length,
        size=sizes[0] if sizes else None,
        is_area_known=all(mask.area is not None for mask in track.values()),
    )
