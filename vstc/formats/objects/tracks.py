"""Tracks of objects in videos: what is known of each, and its masks, read when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstc.errors import InputError
from vstc.formats.objects.json_stream import JsonFile, JsonItem
from vstc.formats.objects.polygons import check_polygons, polygons_to_rle
from vstc.formats.objects.rle import Rle, parse_rle

AnyRow = TypeVar("AnyRow", bound="Row")
AnyNumbered = TypeVar("AnyNumbered", bound="Numbered")


class Row(BaseModel):
    """A JSON object of a file: what we read is checked, the rest is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Numbered(Row):
    """A row with an id."""

    id: int


class Category(Numbered):
    """A class of objects."""

    name: str


class Video(Numbered):
    """A video; ``length`` counts its frames."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    length: int = Field(0, ge=0)
    name: str | None = None
    file_names: Sequence[str] = ()

    @property
    def label(self) -> str:
        """What to call it: its name, else the folder of its frames, else its id."""
        folder = str(PurePosixPath(self.file_names[0]).parent) if self.file_names else "."
        return self.name or (folder if folder != "." else str(self.id))

    @property
    def frame_names(self) -> list[str]:
        """Names of the frames without folder and suffix; empty when the file has none."""
        return [PurePosixPath(name).stem for name in self.file_names]


@dataclass(frozen=True)
class Piece:
    """Where masks of a track are in the file: of all frames (None), or of one."""

    frame: int | None
    start: int
    end: int


@dataclass(frozen=True)
class TrackEntry:
    """What is known of a track without its masks.

    Attributes:
        place: Where it stands in the file.
        video_id: Its video.
        category_id: Its class.
        score: Confidence; 1 for ground truth.
        is_crowd: Whether it stands for several objects.
        mean_area: Mean of its pixels over the frames that show it; 0 when none does.
        pieces: Where its masks are.
    """

    place: str
    video_id: int
    category_id: int
    score: float
    is_crowd: bool
    mean_area: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class SeenTrack:
    """A track as its rows stand in the file, not yet held against its video.

    Attributes:
        entry: The track.
        length: Frames that it has a mask or null for.
        size: Height and width of its masks; None when none of them tells.
        is_area_known: Whether ``entry.mean_area`` holds; of polygons it follows from the video.
    """

    entry: TrackEntry
    length: int
    size: tuple[int, int] | None
    is_area_known: bool = True


class TrackFile:
    """Tracks of a JSON file, by video; the masks stay in the file until they are asked for.

    Args:
        file: The file.
        videos: The videos by id.
        categories: The classes.
        entries: The tracks.
    """

    def __init__(
        self,
        file: JsonFile,
        *,
        videos: Mapping[int, Video],
        categories: Sequence[Category],
        entries: Iterable[TrackEntry],
    ) -> None:
        self._file = file
        self.path = file.path
        self.videos = videos
        self.categories = tuple(categories)
        self._tracks: dict[int, list[TrackEntry]] = {}
        for entry in entries:
            self._tracks.setdefault(entry.video_id, []).append(entry)

    def tracks(self, video_id: int) -> Sequence[TrackEntry]:
        """Return the tracks of a video, in the order of the file."""
        return self._tracks.get(video_id, [])

    def masks(self, entry: TrackEntry, frames: range | None = None) -> list[Rle | None]:
        """Read the mask of each frame of the video; None where the track is absent.

        Args:
            entry: The track.
            frames: Read these frames only; default: all.
        """
        video = self.videos[entry.video_id]
        return _read_masks(self._file, entry, video, frames or range(video.length))


def checked_tracks(
    file: JsonFile,
    tracks: Iterable[SeenTrack],
    *,
    videos: Mapping[int, Video],
    categories: Sequence[Category],
) -> TrackFile:
    """Hold every track against its video and the classes.

    Raises:
        InputError: Another length or size than the video, or an unknown video or category.
    """
    known = {category.id for category in categories}
    entries = []
    for track in tracks:
        entry, where = track.entry, f"{file.path}: {track.entry.place}"
        video = videos.get(entry.video_id)
        if video is None:
            raise InputError(f"{where}: no video has the id {entry.video_id}")
        if entry.category_id not in known:
            raise InputError(
                f"{where}: no category has the id {entry.category_id}",
                hint=f"categories are {', '.join(map(str, sorted(known)))}",
            )
        if track.length != video.length:
            raise InputError(
                f"{where} has masks for {track.length} frames, "
                f"but video {video.label} (id {video.id}) has {video.length}"
            )
        if track.size not in {None, (video.height, video.width)}:
            raise InputError(
                f"{where}: masks are {shown_size(track.size)}, "
                f"but video {video.label} (id {video.id}) is {video.width}x{video.height}"
            )
        if not track.is_area_known:
            masks = _read_masks(file, entry, video, range(video.length))
            areas = (None if mask is None else mask.area for mask in masks)
            entry = replace(entry, mean_area=mean_area(areas))
        entries.append(entry)
    return TrackFile(file, videos=videos, categories=categories, entries=entries)


def by_id(rows: Iterable[AnyNumbered], what: str, file: JsonFile) -> dict[int, AnyNumbered]:
    """Order rows by their id.

    Raises:
        InputError: An id stands twice.
    """
    found: dict[int, AnyNumbered] = {}
    for row in rows:
        if row.id in found:
            raise InputError(f"{file.path}: {what} id {row.id} stands twice")
        found[row.id] = row
    return dict(sorted(found.items()))


def shown_size(size: tuple[int, int] | None) -> str:
    """Write height and width as people do: width first."""
    return f"{size[1]}x{size[0]}" if size else "of no size"


@dataclass(frozen=True)
class SeenMask:
    """The mask of a frame as it stands in a file; polygons tell neither size nor area."""

    size: tuple[int, int] | None
    area: int | None


def look_at_mask(value: Any, *, where: str) -> SeenMask:
    """Check a mask, RLE or polygons, whose video may come later in the file.

    Raises:
        InputError: Neither, or damaged.
    """
    if isinstance(value, list):
        check_polygons(value, where=where)
        return SeenMask(None, None)
    rle = parse_rle(value, where=where)
    return SeenMask((rle.height, rle.width), rle.area)


def _read_masks(file: JsonFile, entry: TrackEntry, video: Video, frames: range) -> list[Rle | None]:
    found: dict[int, Any] = {}
    for piece in entry.pieces:
        if piece.frame is None:
            segmentations = file.read(piece.start, piece.end)["segmentations"]
            found = {index: segmentations[index] for index in frames}
        elif piece.frame in frames:
            found[piece.frame] = file.read(piece.start, piece.end)["segmentation"]
    return [_mask_or_none(found.get(index), video, entry.place) for index in frames]


def _mask_or_none(value: Any, video: Video, where: str) -> Rle | None:
    """Read the mask of a frame; null is an absent object."""
    if value is None:
        return None
    if isinstance(value, list):
        return polygons_to_rle(value, height=video.height, width=video.width, where=where)
    return parse_rle(value, where=where)


def mean_area(areas: Iterable[float | None]) -> float:
    """Average over the frames that show the object; 0 when none does."""
    shown = [area for area in areas if area]
    return float(np.mean(shown)) if shown else 0.0


def read_row(model: type[AnyRow], item: JsonItem, file: JsonFile) -> AnyRow:
    """Check one object of a file.

    Raises:
        InputError: A member is missing or has another type; names the place.
    """
    try:
        return model.model_validate(item.value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([item.place, *(str(part) for part in first["loc"])])
        raise InputError(f"{file.path}: {where}: {first['msg']}") from error
