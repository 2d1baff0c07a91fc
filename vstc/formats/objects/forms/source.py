"""What the readers of all forms give: clips, and the masks of their frames one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vstc.errors import InputError, unknown_name
from vstc.formats.objects.store import (
    FrameInstances,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
)

OBJECT = InstanceCategory(1, "object")
ReadClip = Callable[[InstanceClip], Iterator[FrameInstances]]


@dataclass(frozen=True)
class InstanceSource:
    """Instance masks of another program, looked at but not yet read.

    Attributes:
        form: What it is called in ``--format``.
        place: The file, or the folder of the files.
        files: Files in the folder, relative to it; None when the place is a file.
        categories: Classes of objects.
        clips: The clips, unique by id.
        has_identity: Whether a track is the same object in all frames of a clip.
        read: Gives the frames of a clip in order; the clip may hold frames that the source has
            no file for, and these have no objects.
        image_folders: Where the images of a clip may be beside the masks, by clip id.
        lists_frames: Whether the files name the frames of a clip, so that other images are none
            of its frames; else a frame is known by its mask.
        remarks: What a person should know, one sentence each.
    """

    form: str
    place: Path
    files: tuple[str, ...] | None
    categories: tuple[InstanceCategory, ...]
    clips: tuple[InstanceClip, ...]
    has_identity: bool
    read: ReadClip
    image_folders: Mapping[str, Path]
    lists_frames: bool = False
    remarks: tuple[str, ...] = ()

    def select(self, clip_ids: Sequence[str]) -> InstanceSource:
        """Keep some clips only; all when none is named.

        Raises:
            ConfigError: There is no such clip.
        """
        known = {clip.id: clip for clip in self.clips}
        for clip_id in clip_ids:
            if clip_id not in known:
                raise unknown_name("clip", clip_id, known)
        if not clip_ids:
            return self
        return replace(self, clips=tuple(known[clip_id] for clip_id in dict.fromkeys(clip_ids)))


ReadFrame = Callable[[str, str], tuple[InstanceMask, ...] | None]


def frame_by_frame(read: ReadFrame) -> ReadClip:
    """Make the reader of a clip from one of a frame, which takes the ids of clip and frame."""

    def frames(clip: InstanceClip) -> Iterator[FrameInstances]:
        for index, name in enumerate(clip.frame_names):
            yield FrameInstances(index, name, read(clip.id, name) or ())

    return frames


def refuse_clips_of_one_name(clips: Sequence[InstanceClip], where: Path) -> None:
    """Refuse clips that would share a file.

    Raises:
        InputError: Two clips have one name.
    """
    seen: set[str] = set()
    for clip in clips:
        if clip.id in seen:
            raise InputError(
                f"{where} has two videos of the name {clip.id}", hint="rename one of them"
            )
        seen.add(clip.id)
