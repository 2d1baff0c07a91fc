"""Instance masks on disk: ``instances.json`` and one line of JSON for each frame of a clip.

``instances.json`` names the categories, and the clips with size and frames. A line of
``clips/<clip>.jsonl`` is ``{"frame", "index", "instances": [{"category", "rle", "score",
"track"}]}``, in the order of the frames; ``rle`` is the compressed text of a COCO mask of the
size of the clip. Both are read and written frame by frame.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from vstc.artifacts.atomic import atomic_path, atomic_write_json
from vstc.errors import InputError
from vstc.formats.dataset import relative_root
from vstc.formats.objects.index import INDEX, KIND, SCHEMA_VERSION, read_index
from vstc.formats.objects.rle import Rle, parse_rle

CLIPS = "clips"


@dataclass(frozen=True)
class InstanceMask:
    """An object in one frame.

    Attributes:
        track: Positive; the same object has the same number in all frames of a clip, unless
            the archive has no identities.
        category_id: Its category.
        score: Confidence; 1 for ground truth.
        rle: Its pixels; none of them set is an object that is not visible.
    """

    track: int
    category_id: int
    score: float
    rle: Rle


@dataclass(frozen=True)
class FrameInstances:
    """The objects of one frame.

    Attributes:
        index: Place in the clip, from 0.
        name: Name of the frame, without folder and suffix.
        instances: Its objects; masks may overlap.
    """

    index: int
    name: str
    instances: tuple[InstanceMask, ...]


@dataclass(frozen=True)
class InstanceClip:
    """A clip that has instance masks.

    Attributes:
        id: Unique in the archive; names a file, may hold slashes.
        height: Rows of every frame.
        width: Columns of every frame.
        fps: Frames per second; None when unknown.
        frame_names: Names of the frames in time order, without folder and suffix.
        frames: Their images, relative to the root of the archive; None when unknown.
    """

    id: str
    height: int
    width: int
    fps: float | None
    frame_names: tuple[str, ...]
    frames: tuple[str, ...] | None = None


@dataclass(frozen=True)
class InstanceCategory:
    """A class of objects; one that is no thing is stuff, such as sky."""

    id: int
    name: str
    is_thing: bool = True


class InstanceArchive:
    """Instance masks that were written earlier, read frame by frame.

    Args:
        folder: Folder of ``instances.json``.

    Attributes:
        folder: The same.
        name: Name of the archive.
        source: What it was made from, in words.
        has_identity: Whether a track is the same object in all frames of a clip.
        categories: Classes of objects, in the order of their ids.
        clips: All clips.
        root: Folder of the images; None when unknown.

    Raises:
        InputError: Missing, incomplete, unreadable, newer, or inconsistent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        record = read_index(folder)
        self.name = record.name
        self.source = record.source
        self.has_identity = record.has_identity
        self.root = None if record.root is None else _absolute_root(folder, record.root)
        self.categories = tuple(
            InstanceCategory(row.id, row.name, row.is_thing)
            for row in sorted(record.categories, key=lambda row: row.id)
        )
        self.clips = tuple(
            InstanceClip(
                id=row.id,
                height=row.height,
                width=row.width,
                fps=row.fps,
                frame_names=tuple(row.frame_names),
                frames=None if row.frames is None else tuple(row.frames),
            )
            for row in record.clips
        )
        refuse_inconsistent(self.categories, self.clips, folder / INDEX)
        self._clip_of = {clip.id: clip for clip in self.clips}

    def clip(self, clip_id: str) -> InstanceClip:
        """Return a clip by its id.

        Raises:
            InputError: There is no such clip.
        """
        if clip_id not in self._clip_of:
            raise InputError(f"{self.folder} has no clip {clip_id}")
        return self._clip_of[clip_id]

    def frames(self, clip_id: str) -> Iterator[FrameInstances]:
        """Read the frames of a clip in order, one at a time.

        Raises:
            InputError: No such clip, or its file is missing, damaged or not complete.
        """
        clip = self.clip(clip_id)
        path = self.folder / clip_file(clip_id)
        count = 0
        try:
            with path.open("rb") as stream:
                for line in stream:
                    if count == len(clip.frame_names):
                        raise InputError(f"{path} has more lines than the clip has frames")
                    yield _parse_frame(line, clip=clip, index=count, path=path)
                    count += 1
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        if count != len(clip.frame_names):
            raise InputError(f"{path} has {count} of {len(clip.frame_names)} frames")

    def frame_image(self, clip: InstanceClip, index: int) -> Path | None:
        """Return the image of a frame; None when it is not known."""
        if self.root is None or clip.frames is None:
            return None
        return self.root / clip.frames[index]


class ClipWriter:
    """Writes the frames of a clip; the file appears when the ``with`` block has ended well.

    Args:
        folder: Folder of the archive.
        clip: The clip; the block must write all its frames, in order.

    Raises:
        OutputError: The disk is full or the folder cannot be written; the block raises it.
    """

    def __init__(self, folder: Path, clip: InstanceClip) -> None:
        self._path = folder / clip_file(clip.id)
        self._clip = clip
        self._written = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            partial = stack.enter_context(atomic_path(self._path))
            self._stream = stack.enter_context(partial.open("w", encoding="utf-8"))
            self._stack = stack.pop_all()
        return self

    def write(self, frame: FrameInstances) -> None:
        """Append a frame.

        Raises:
            ValueError: Not the next frame, a mask of another size, or a track that is not
                positive or stands twice.
        """
        clip = self._clip
        if self._written >= len(clip.frame_names):
            raise ValueError(f"clip {clip.id} has only {len(clip.frame_names)} frames")
        if (frame.index, frame.name) != (self._written, clip.frame_names[self._written]):
            raise ValueError(f"frame {frame.index} ({frame.name}) is not the next of {clip.id}")
        seen: set[int] = set()
        for mask in frame.instances:
            if (mask.rle.height, mask.rle.width) != (clip.height, clip.width):
                raise ValueError(f"a mask of frame {frame.name} has another size than its clip")
            if mask.track < 1 or mask.track in seen or not math.isfinite(mask.score):
                raise ValueError(f"track {mask.track} of frame {frame.name} is not valid")
            seen.add(mask.track)
        self._stream.write(_frame_text(frame))
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._written != len(self._clip.frame_names):
            error = ValueError(f"{self._written} of {len(self._clip.frame_names)} frames written")
            self._stack.__exit__(ValueError, error, None)
            raise error
        self._stack.__exit__(kind, error, trace)


def clip_file(clip_id: str) -> str:
    """Return the file of a clip, relative to the folder of the archive."""
    return f"{CLIPS}/{clip_id}.jsonl"


def write_index(
    folder: Path,
    *,
    name: str,
    source: str,
    categories: Iterable[InstanceCategory],
    clips: Sequence[InstanceClip],
    has_identity: bool,
    root: Path | None,
) -> None:
    """Write ``instances.json`` atomically; do it when all clips are written.

    Args:
        folder: Folder of the archive.
        name: Name of the archive.
        source: What it was made from, in words.
        categories: Classes of objects.
        clips: All clips.
        has_identity: Whether a track is the same object in all frames of a clip.
        root: Folder that the images of the clips are relative to; None when there are none.

    Raises:
        InputError: A clip or category stands twice, or a clip cannot name a file.
    """
    kinds = sorted(categories, key=lambda category: category.id)
    refuse_inconsistent(kinds, clips, folder / INDEX)
    value = {
        "schema": KIND,
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "source": source,
        "root": None if root is None else relative_root(root, folder),
        "has_identity": has_identity,
        "categories": [
            {"id": kind.id, "name": kind.name, "is_thing": kind.is_thing} for kind in kinds
        ],
        "clips": [_clip_record(clip) for clip in clips],
    }
    atomic_write_json(folder / INDEX, value)


def _clip_record(clip: InstanceClip) -> dict[str, Any]:
    return {
        "id": clip.id,
        "height": clip.height,
        "width": clip.width,
        "fps": clip.fps,
        "frame_names": list(clip.frame_names),
        "frames": None if clip.frames is None else list(clip.frames),
    }


def _frame_text(frame: FrameInstances) -> str:
    instances = [
        {
            "category": mask.category_id,
            "rle": mask.rle.text,
            "score": mask.score,
            "track": mask.track,
        }
        for mask in frame.instances
    ]
    value = {"frame": frame.name, "index": frame.index, "instances": instances}
    return json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n"


def _parse_frame(line: bytes, *, clip: InstanceClip, index: int, path: Path) -> FrameInstances:
    where = f"{path}, line {index + 1}"
    try:
        value = json.loads(line)
        if (value["index"], value["frame"]) != (index, clip.frame_names[index]):
            raise InputError(f"{where} is not frame {index} ({clip.frame_names[index]})")
        masks = tuple(_parse_mask(row, clip=clip, where=where) for row in value["instances"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{where} is not a frame: {error!r}") from error
    tracks = [mask.track for mask in masks]
    if len(set(tracks)) != len(tracks) or min(tracks, default=1) < 1:
        raise InputError(f"{where}: tracks must be positive and different, found {tracks}")
    return FrameInstances(index, clip.frame_names[index], masks)


def _parse_mask(row: dict[str, Any], *, clip: InstanceClip, where: str) -> InstanceMask:
    track = int(row["track"])
    size = [clip.height, clip.width]
    rle = parse_rle({"size": size, "counts": row["rle"]}, where=f"{where}, track {track}")
    return InstanceMask(track, int(row["category"]), float(row["score"]), rle)


def _absolute_root(folder: Path, root: str) -> Path:
    # Through a symbolic link, ".." must climb the real folders, as in relative_root.
    return Path(os.path.normpath(folder.resolve() / root))


def refuse_inconsistent(
    categories: Iterable[InstanceCategory], clips: Iterable[InstanceClip], index: Path
) -> None:
    """Refuse what no index may hold.

    Raises:
        InputError: A clip, category or frame stands twice, or a clip cannot name a file.
    """
    _refuse_twice((str(category.id) for category in categories), f"{index}: category id")
    clips = list(clips)
    _refuse_twice((clip.id for clip in clips), f"{index}: clip id")
    for clip in clips:
        parts = PurePosixPath(clip.id).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise InputError(f"{index}: clip id {clip.id!r} cannot name a file of an output")
        _refuse_twice(clip.frame_names, f"{index}: clip {clip.id}: frame name")
        if clip.frames is not None and len(clip.frames) != len(clip.frame_names):
            raise InputError(
                f"{index}: clip {clip.id} has {len(clip.frames)} images for "
                f"{len(clip.frame_names)} frames"
            )


def _refuse_twice(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{what} stands twice: {name}")
        seen.add(name)
