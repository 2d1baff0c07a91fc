"""Write the trimaps of one clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vstc.artifacts.atomic import atomic_write_bytes, atomic_write_json
from vstc.formats.objects.store import InstanceClip
from vstc.formats.video.files import VideoWriter
from vstc.trimaps.flow import FlowBetween
from vstc.trimaps.frame_trimaps import FrameTrimaps, InTime, TrimapMaker
from vstc.trimaps.in_order import map_in_order
from vstc.trimaps.layout import (
    KIND,
    encode_flat,
    first_mask_file,
    merged_file,
    overlay_file,
    tracks_file,
    trimap_file,
)
from vstc.trimaps.merging import merge_trimaps
from vstc.trimaps.object_trimap import ObjectTrimap
from vstc.trimaps.overlay import DEFAULT_FPS, draw_trimaps, overlay_palette, read_frame
from vstc.trimaps.settings import Absent, ExportSettings
from vstc.trimaps.sources.source import ObjectSource, TrackSurvey
from vstc.trimaps.statistics import TrackStatistics, TrimapCounts, count_values
from vstc.trimaps.values import MASK_FROM
from vstc.trimaps.widths import rule_of_frames

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class _Written:
    """A frame whose files are on disk."""

    frame: FrameTrimaps
    counts: dict[int, TrimapCounts]


class ClipExport:
    """Exports one clip.

    Args:
        source: Where its objects are from.
        clip: The clip.
        settings: What is to be made.
        folder: The artifact.
        flow: What smoothing follows; None where nothing is smoothed.
    """

    def __init__(
        self,
        source: ObjectSource,
        clip: InstanceClip,
        settings: ExportSettings,
        *,
        folder: Path,
        flow: FlowBetween | None,
    ) -> None:
        self._source = source
        self._clip = clip
        self._settings = settings
        self._folder = folder
        self._tracks = source.survey(clip)
        rules = {
            track: rule_of_frames(settings, clip.id, survey)
            for track, survey in self._tracks.items()
        }
        self._maker = TrimapMaker(clip, settings, rules=rules, flow=flow)
        self._size = (clip.height, clip.width)
        self._nothing = encode_flat(np.zeros(self._size, np.uint8))

    def run(
        self, pool: Executor, *, ahead: int, on_frame: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Make and write all frames, then the record of the clip.

        Args:
            pool: Threads that do the work.
            ahead: How many frames may be in work.
            on_frame: Called after each frame.

        Returns:
            The record.
        """
        statistics = {track: TrackStatistics() for track in self._tracks}
        made = map_in_order(pool, self._maker.make, self._source.frames(self._clip), ahead=ahead)
        in_time = _with_neighbours(made)
        palette = overlay_palette()
        with self._video() as video:
            for written in map_in_order(pool, self._finish, in_time, ahead=ahead):
                self._count(statistics, written)
                if video is not None:
                    image = read_frame(self._source, self._clip, written.frame.index)
                    video.write(draw_trimaps(image, written.frame, palette))
                on_frame()
        record = self._record(statistics)
        atomic_write_json(self._folder / tracks_file(self._clip.id), record)
        return record

    def _video(self) -> VideoWriter | nullcontext[None]:
        if not (self._settings.overlay and self._clip.frame_names):
            return nullcontext()
        path = self._folder / overlay_file(self._clip.id)
        return VideoWriter(path, fps=self._clip.fps or DEFAULT_FPS, size=self._size)

    def _finish(self, in_time: InTime) -> _Written:
        frame = self._maker.settle(in_time)
        clip_id = self._clip.id
        for track, survey in self._tracks.items():
            one = frame.objects.get(track)
            self._write_trimap(trimap_file(clip_id, track, frame.name), one)
            if one is not None and frame.index == survey.first_index:
                self._write_first_mask(one)
        if self._settings.merged:
            trimaps = [one.trimap for one in frame.objects.values()]
            merged = encode_flat(merge_trimaps(trimaps, size=self._size))
            atomic_write_bytes(self._folder / merged_file(clip_id, frame.name), merged)
        pixels = self._size[0] * self._size[1]
        counts = {t: count_values(one, pixels=pixels) for t, one in frame.objects.items()}
        return _Written(frame, counts)

    def _write_trimap(self, name: str, one: ObjectTrimap | None) -> None:
        if one is not None:
            atomic_write_bytes(self._folder / name, encode_flat(one.trimap.image(self._size)))
        elif self._settings.absent is Absent.ZERO:
            atomic_write_bytes(self._folder / name, self._nothing)

    def _write_first_mask(self, one: ObjectTrimap) -> None:
        if self._settings.first_masks:
            mask = (one.opacity.image(self._size) >= MASK_FROM) * np.uint8(255)
            path = self._folder / first_mask_file(self._clip.id, one.track)
            atomic_write_bytes(path, encode_flat(mask))

    def _count(self, statistics: dict[int, TrackStatistics], written: _Written) -> None:
        frame = written.frame
        for track, gathered in statistics.items():
            one = frame.objects.get(track)
            if one is None:
                gathered.add_absent(frame.index)
            else:
                gathered.add(frame.index, one, written.counts[track])

    def _record(self, statistics: dict[int, TrackStatistics]) -> dict[str, Any]:
        clip = self._clip
        return {
            "schema": KIND,
            "schema_version": SCHEMA_VERSION,
            "id": clip.id,
            "height": clip.height,
            "width": clip.width,
            "fps": clip.fps,
            "frames": list(clip.frame_names),
            "merged": self._settings.merged,
            "rule": str(self._settings.rule),
            "tracks": [
                _track_record(clip, survey) | statistics[track].as_json()
                for track, survey in self._tracks.items()
            ],
        }


def _track_record(clip: InstanceClip, survey: TrackSurvey) -> dict[str, Any]:
    return {
        "track": survey.track,
        "category": survey.category,
        "frames": survey.frames,
        "first_frame": clip.frame_names[survey.first_index],
        "first_index": survey.first_index,
    }


def _with_neighbours(frames: Iterable[FrameTrimaps]) -> Iterator[InTime]:
    """Give each frame with the one before and the one after it, holding three."""
    earlier: FrameTrimaps | None = None
    current: FrameTrimaps | None = None
    for later in frames:
        if current is not None:
            yield InTime(current, earlier, later)
        earlier, current = current, later
    if current is not None:
        yield InTime(current, earlier, None)
