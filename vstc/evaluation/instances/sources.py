"""Where object tracks come from: a JSON file, or maps of object ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vstc.formats.objects.id_masks import VOID, IdClip, is_void
from vstc.formats.objects.runs import Runs, join_frames, num_pixels, runs_by_id
from vstc.formats.objects.tracks import TrackEntry, TrackFile, Video
from vstc.metrics.track_matching import best_first


@dataclass(frozen=True)
class Track:
    """What is known of an object in a video besides its masks.

    Attributes:
        key: Its name within the video.
        score: Confidence; 1 for true tracks and for id maps.
        is_crowd: Whether it stands for several objects.
        mean_area: Mean of its pixels over the frames that show it.
    """

    key: int
    score: float
    is_crowd: bool
    mean_area: float


class OpenVideo(Protocol):
    """The tracks of one video; blocks of frames are read in time order, each once."""

    def read(self, frames: range) -> Mapping[int, Runs]:
        """Read some frames; return where each track is in them, by its key."""

    def category_id(self, key: int) -> int:
        """Return the class of a track."""

    def tracks(self) -> Sequence[Track]:
        """Return all tracks in their order, once all frames were read."""

    def void_key(self) -> int | None:
        """Return the key of pixels that count for nothing, once all frames were read."""


class TrackSource(Protocol):
    """Gives the tracks of videos; called from several threads, one video per thread."""

    def open(self, video: Video) -> OpenVideo:
        """Begin to read a video."""


class FileTracks:
    """Tracks of a JSON file.

    Args:
        file: The file.
        best_only: Leave out, unread, the tracks of a category beyond those that count.
    """

    def __init__(self, file: TrackFile, *, best_only: bool) -> None:
        self._file = file
        self._best_only = best_only

    def open(self, video: Video) -> OpenVideo:
        """Read the tracks of a video, in the order of the file."""
        entries = list(self._file.tracks(video.id))
        if self._best_only:
            entries = _those_that_count(entries)
        return _OpenFile(self._file, entries, pixels_per_frame=video.height * video.width)


class MaskTracks:
    """Tracks of id maps: each id but 0 is an object, and 255 beside others is void.

    Args:
        clips: The maps by the name of their video.
        category_id: The class of all objects, since maps tell none.
        merge: Take all objects of a video as one.
    """

    def __init__(
        self, clips: Mapping[str, IdClip], *, category_id: int, merge: bool = False
    ) -> None:
        self._clips = clips
        self._category_id = category_id
        self._merge = merge

    def open(self, video: Video) -> OpenVideo:
        """Begin with the maps of the frames that the video names."""
        clip = self._clips[video.label]
        return _OpenMaps(clip, video, category_id=self._category_id, merge=self._merge)


class _OpenFile:
    def __init__(
        self, file: TrackFile, entries: Sequence[TrackEntry], *, pixels_per_frame: int
    ) -> None:
        self._entries = entries
        self._masks = [file.masks(entry) for entry in entries]
        self._pixels_per_frame = pixels_per_frame

    def read(self, frames: range) -> Mapping[int, Runs]:
        read = {}
        for key, masks in enumerate(self._masks):
            shown = ((i, mask.runs()) for i in frames if (mask := masks[i]) is not None)
            read[key] = join_frames(shown, self._pixels_per_frame)
        return read

    def category_id(self, key: int) -> int:
        return self._entries[key].category_id

    def tracks(self) -> Sequence[Track]:
        return [
            Track(key, entry.score, entry.is_crowd, entry.mean_area)
            for key, entry in enumerate(self._entries)
        ]

    def void_key(self) -> int | None:
        return None


class _OpenMaps:
    def __init__(self, clip: IdClip, video: Video, *, category_id: int, merge: bool) -> None:
        self._clip = clip
        self._names = video.frame_names
        self._place_of = {name: place for place, name in enumerate(clip.frame_names)}
        self._pixels_per_frame = video.height * video.width
        self._category_id = category_id
        self._merge = merge
        self._pixels: Counter[int] = Counter()
        self._shown: Counter[int] = Counter()

    def read(self, frames: range) -> Mapping[int, Runs]:
        parts: dict[int, list[tuple[int, Runs]]] = {}
        for index in frames:
            ids = self._clip.read(self._place_of[self._names[index]])
            if self._merge:
                ids = np.where((ids > 0) & (ids < VOID), np.uint8(1), ids)
            for value, runs in runs_by_id(ids).items():
                self._pixels[value] += num_pixels(runs)
                self._shown[value] += 1
                parts.setdefault(value, []).append((index, runs))
        return {key: join_frames(part, self._pixels_per_frame) for key, part in parts.items()}

    def category_id(self, _key: int) -> int:
        return self._category_id

    def tracks(self) -> Sequence[Track]:
        keys = sorted(self._shown.keys() - {self.void_key()})
        return [Track(key, 1.0, False, self._pixels[key] / self._shown[key]) for key in keys]

    def void_key(self) -> int | None:
        return VOID if is_void(set(self._shown)) else None


def _those_that_count(entries: Sequence[TrackEntry]) -> list[TrackEntry]:
    """Keep the best tracks of each category; the order of the file ranks equal scores."""
    by_category: dict[int, list[TrackEntry]] = {}
    for entry in entries:
        by_category.setdefault(entry.category_id, []).append(entry)
    kept = []
    for of_one in by_category.values():
        scores = np.array([entry.score for entry in of_one])
        kept += [of_one[place] for place in sorted(best_first(scores).tolist())]
    return kept
