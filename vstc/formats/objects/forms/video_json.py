"""YouTube-VIS and CocoVID files as instance masks, read in blocks of frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vstc.errors import InputError
from vstc.formats.objects.forms.source import InstanceSource, refuse_clips_of_one_name
from vstc.formats.objects.json_stream import JsonFile
from vstc.formats.objects.store import (
    FrameInstances,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
)
from vstc.formats.objects.tracks import TrackFile, Video
from vstc.formats.objects.youtube_vis import read_ground_truth, read_results

FORM = "youtube-vis"
_MASKS_AT_ONCE = 8192  # rows of such files hold all frames of a track, but our lines all tracks


@dataclass(frozen=True)
class _OpenFile:
    file: TrackFile
    video_of: Mapping[str, Video]

    def read(self, clip: InstanceClip) -> Iterator[FrameInstances]:
        video = self.video_of[clip.id]
        entries = [entry for entry in self.file.tracks(video.id) if not entry.is_crowd]
        step = max(1, _MASKS_AT_ONCE // max(1, len(entries)))
        for start in range(0, video.length, step):
            frames = range(start, min(start + step, video.length))
            masks = [self.file.masks(entry, frames) for entry in entries]
            for place, index in enumerate(frames):
                shown = (
                    InstanceMask(track, entry.category_id, entry.score, rle)
                    for track, entry in enumerate(entries, start=1)
                    if (rle := masks[track - 1][place]) is not None and rle.area
                )
                yield FrameInstances(index, clip.frame_names[index], tuple(shown))


def find_youtube_vis(path: Path, names: Path | None) -> InstanceSource:
    """Open a file of tracks; tracks of a video are numbered from 1 in the order of the file.

    Args:
        path: Ground truth, or results.
        names: For results, the ground truth that names videos and categories.

    Raises:
        InputError: Anything in a file is wrong; names file, place and value.
    """
    if JsonFile(path).is_list:
        if names is None:
            raise InputError(
                f"{path} holds results, which do not name videos, frames and categories",
                hint="give the ground truth, or any file with them, to --dataset",
            )
        truth = read_ground_truth(names)
        file = read_results(path, videos=truth.videos, categories=truth.categories)
    else:
        file = read_ground_truth(path)
    video_of = {_label(video): video for video in file.videos.values()}
    clips = tuple(_clip(video) for video in file.videos.values())
    refuse_clips_of_one_name(clips, path)
    crowds = sum(entry.is_crowd for number in file.videos for entry in file.tracks(number))
    return InstanceSource(
        form=FORM,
        place=path,
        files=None,
        categories=tuple(InstanceCategory(c.id, c.name) for c in file.categories),
        clips=clips,
        has_identity=True,
        read=_OpenFile(file, video_of).read,
        image_folders={},
        lists_frames=True,
        remarks=(f"{crowds} crowd(s) left out: they are no objects",) if crowds else (),
    )


def _label(video: Video) -> str:
    return video.label.strip("/")


def _clip(video: Video) -> InstanceClip:
    names = video.frame_names or [f"{index:05d}" for index in range(video.length)]
    return InstanceClip(_label(video), video.height, video.width, None, tuple(names))
