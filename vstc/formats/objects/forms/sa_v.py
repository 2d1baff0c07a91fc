"""The form of SA-V: a JSON file for each video, with an RLE for each annotated frame and object.

``masklet[frame][object]`` are the masks, ``masklet_id`` the objects; an empty mask is an object
that is not visible. The frames are every fourth of the video (or whatever
``video_frame_count`` tells), and are named after their place in it, ``00000``, ``00004``, ...
Track = id + 1, since ids begin at 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstc.artifacts.manifest import MANIFEST
from vstc.artifacts.workspace import Workspace
from vstc.errors import InputError
from vstc.formats.objects.forms.source import OBJECT, InstanceSource
from vstc.formats.objects.json_stream import JsonFile
from vstc.formats.objects.rle import encode_mask, parse_rle
from vstc.formats.objects.store import (
    FrameInstances,
    InstanceArchive,
    InstanceClip,
    InstanceMask,
)
from vstc.formats.objects.tracks import shown_size

FORM = "sa-v"
MASKS = "masklet"


class _Video(BaseModel):
    """What the file says of the video; numbers may be written as 848.0."""

    model_config = ConfigDict(extra="ignore")

    video_height: int = Field(ge=1)
    video_width: int = Field(ge=1)
    video_frame_count: int = Field(0, ge=0)
    video_duration: float = 0.0
    masklet_id: list[int]


@dataclass(frozen=True)
class _OpenFile:
    path: Path
    clip: InstanceClip
    objects: tuple[int, ...]

    def read(self) -> Iterator[FrameInstances]:
        for item in JsonFile(self.path).items():
            if item.key == MASKS and item.index is not None:
                where = f"{self.path}: {item.place}"
                yield FrameInstances(
                    item.index,
                    self.clip.frame_names[item.index],
                    self._masks(item.value, where),
                )

    def _masks(self, values: Any, where: str) -> tuple[InstanceMask, ...]:
        masks = []
        for place, (number, value) in enumerate(zip(self.objects, values, strict=True)):
            rle = parse_rle(value, where=f"{where}[{place}]")
            if (rle.height, rle.width) != (self.clip.height, self.clip.width):
                raise InputError(
                    f"{where}[{place}] is {shown_size((rle.height, rle.width))}, but the video is "
                    f"{shown_size((self.clip.height, self.clip.width))}"
                )
            if rle.area:
                masks.append(InstanceMask(number + 1, OBJECT.id, 1.0, rle))
        return tuple(masks)


def find_sa_v(place: Path) -> InstanceSource:
    """Open one file of SA-V, or all of a folder; a clip is named after its file.

    Raises:
        InputError: None is there, or one is damaged.
    """
    root = place if place.is_dir() else place.parent
    paths = sorted(place.rglob("*.json")) if place.is_dir() else [place]
    paths = [path for path in paths if path.name != MANIFEST]
    if not paths:
        raise InputError(f"{place} holds no JSON files of SA-V")
    names = [path.relative_to(root).with_suffix("").as_posix() for path in paths]
    opened = {name: _open(path, name) for name, path in zip(names, paths, strict=True)}
    return InstanceSource(
        form=FORM,
        place=place,
        files=tuple(f"{name}.json" for name in names) if place.is_dir() else None,
        categories=(OBJECT,),
        clips=tuple(found.clip for found in opened.values()),
        has_identity=True,
        read=lambda clip: opened[clip.id].read(),
        image_folders={},
        lists_frames=True,
    )


class SaVWriter:
    """Writes ``<clip>.json`` for each clip; files that are there are kept.

    Args:
        workspace: The output.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def write(
        self, archive: InstanceArchive, clip: InstanceClip, advance: Callable[[int], None]
    ) -> None:
        """Write the file of a clip, frame by frame."""
        name = f"{clip.id}.json"
        if self._workspace.has(name):
            advance(len(clip.frame_names))
            return
        first_frame: dict[int, int] = {}
        for frame in archive.frames(clip.id):
            for mask in frame.instances:
                if mask.rle.area:
                    first_frame.setdefault(mask.track, frame.index)
        order = sorted(first_frame)
        empty = encode_mask(np.zeros((clip.height, clip.width), np.bool_)).as_json()
        with self._workspace.atomic(name) as partial, partial.open("w", encoding="utf-8") as file:
            head = _head(clip, {track: first_frame[track] for track in order})
            file.write(json.dumps(head, indent=2).removesuffix("\n}") + f',\n  "{MASKS}": [\n')
            for frame in archive.frames(clip.id):
                masks = {mask.track: mask.rle.as_json() for mask in frame.instances}
                row = json.dumps([masks.get(track, empty) for track in order])
                file.write((",\n" if frame.index else "") + row)
                advance(1)
            file.write("\n]}\n")

    def finish(self) -> None:
        """There is nothing left to write."""


def _head(clip: InstanceClip, first_frame: dict[int, int]) -> dict[str, Any]:
    """Return all members but the masks; ``first_frame`` tells where each track appears."""
    step = _step_of_names(clip.frame_names)
    count = len(clip.frame_names) * step
    known = {} if clip.fps is None else {"video_duration": count / (clip.fps * step)}
    return known | {
        "video_id": clip.id,
        "video_height": clip.height,
        "video_width": clip.width,
        "video_resolution": clip.height * clip.width,
        "video_frame_count": count,
        "masklet_id": [track - 1 for track in first_frame],
        "masklet_num": len(first_frame),
        "masklet_first_appeared_frame": list(first_frame.values()),
        "masklet_frame_count": [len(clip.frame_names)] * len(first_frame),
    }


def _step_of_names(names: tuple[str, ...]) -> int:
    """Return how many frames of the video lie between two names such as 00000 and 00004."""
    if not all(name.isascii() and name.isdigit() for name in names):
        return 1
    steps = set(np.diff([int(name) for name in names]).tolist())
    return int(steps.pop()) if len(steps) == 1 and min(steps, default=0) > 0 else 1


def _open(path: Path, clip_id: str) -> _OpenFile:
    scalars: dict[str, Any] = {}
    lengths: list[int] = []
    objects: list[Any] = []
    for item in JsonFile(path).items():
        if item.index is None and item.key is not None:
            scalars[item.key] = item.value
        elif item.key == "masklet_id":
            objects.append(item.value)
        elif item.key == MASKS:
            if not isinstance(item.value, list):
                raise InputError(f"{path}: {item.place} is not a list of masks")
            lengths.append(len(item.value))
    video = _checked(scalars | {"masklet_id": objects}, path)
    if not lengths:
        raise InputError(f"{path} has no masks", hint=f'a file of SA-V has "{MASKS}"')
    for index, length in enumerate(lengths):
        if length != len(video.masklet_id):
            raise InputError(
                f"{path}: {MASKS}[{index}] has {length} masks for {len(video.masklet_id)} objects"
            )
    step = _step(video.video_frame_count, len(lengths))
    rate = video.video_frame_count / video.video_duration if video.video_duration > 0 else 0.0
    clip = InstanceClip(
        id=clip_id,
        height=video.video_height,
        width=video.video_width,
        fps=round(rate / step, 6) or None,
        frame_names=tuple(f"{index * step:05d}" for index in range(len(lengths))),
    )
    return _OpenFile(path, clip, tuple(video.masklet_id))


def _step(num_frames: int, num_annotated: int) -> int:
    """Return the frames of the video from one annotated frame to the next."""
    step = max(1, round(num_frames / num_annotated))
    return step if -(-num_frames // step) == num_annotated else 1


def _checked(values: dict[str, Any], path: Path) -> _Video:
    try:
        video = _Video.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is no file of SA-V: {where}: {first['msg']}") from error
    if len(set(video.masklet_id)) != len(video.masklet_id) or min(video.masklet_id, default=0) < 0:
        raise InputError(f"{path}: masklet_id must be different and not negative")
    return video
