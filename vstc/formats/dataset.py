"""The data set index ``dataset.json``: classes, clips, frames and where their labels are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstc.artifacts.atomic import atomic_write_json
from vstc.artifacts.manifest import InputRef, read_manifest
from vstc.errors import ConfigError, InputError, unknown_name
from vstc.formats.label_encoding import LabelEncoding

INDEX = "dataset.json"
KIND = "vstc.dataset"
SCHEMA_VERSION = 2
MAX_NEIGHBOUR_SECONDS = 0.25


_Byte = Annotated[int, Field(ge=0, le=255)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabelClass(_Record):
    """A class of the label table; ``ignore`` marks void."""

    id: _Byte
    name: str
    color: tuple[_Byte, _Byte, _Byte]
    ignore: bool = False


class VideoFrame(_Record):
    """A frame inside a video file."""

    video: str
    index: int = Field(ge=0)


class Clip(_Record):
    """One shot in time order.

    Attributes:
        id: Name of the clip, unique in the data set; names files and folders.
        split: ``train``, ``val`` and so on.
        fps: Frames per second of the source video; None when unknown.
        frame_step: Source frames between two neighbours of this clip; None when the frames
            do not follow one another.
        frames: Image paths relative to the root, or frames of a video.
        labels: Label path relative to the root, by frame name.
        instances: Instance map path relative to the root, by frame name.
        pseudo: For pseudo labels, by frame name: mean confidence and pixel share kept.
    """

    id: str
    split: str
    fps: float | None = None
    frame_step: int | None = None
    frames: list[str | VideoFrame]
    labels: dict[str, str] = {}
    instances: dict[str, str] = {}
    pseudo: dict[str, tuple[float, float]] = {}

    @cached_property
    def frame_names(self) -> list[str]:
        """Names of the frames: the stem of an image, or the index in a video."""
        return [
            PurePosixPath(frame).stem if isinstance(frame, str) else f"{frame.index:06d}"
            for frame in self.frames
        ]

    @property
    def is_consecutive(self) -> bool:
        """Tell whether neighbouring frames are close enough in time for optical flow.

        They are when ``frame_step`` is known and spans at most 0.25 s (any step of 1 when the
        frame rate is unknown): the sparse frames of CamVid lie 1 s apart and do not count.
        """
        if self.frame_step is None or len(self.frames) < 2:
            return False
        if self.fps is None:
            return self.frame_step == 1
        return self.frame_step / self.fps <= MAX_NEIGHBOUR_SECONDS

    @property
    def labelled_indices(self) -> list[int]:
        """Positions of the frames that have a label."""
        return [i for i, name in enumerate(self.frame_names) if name in self.labels]


class DatasetRecord(_Record):
    """The content of ``dataset.json``.

    Version 2 adds ``label_encoding``; an index of plain ids is written as version 1.
    """

    schema_name: Literal["vstc.dataset"] = Field("vstc.dataset", alias="schema")
    schema_version: int = 1
    name: str
    root: str
    classes: list[LabelClass]
    ignore_index: _Byte = 255
    label_source: Literal["true", "pseudo"] = "true"
    label_encoding: LabelEncoding = LabelEncoding.IDS
    clips: list[Clip]

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Dataset:
    """A data set index with its place on disk.

    Args:
        record: The content of the index.
        folder: Folder of ``dataset.json``; the record's root is relative to it.
    """

    def __init__(self, record: DatasetRecord, folder: Path) -> None:
        self.record = record
        self.folder = folder
        # Through a symbolic link, ".." must climb the real folders, as in relative_root.
        is_linked = folder.resolve() != Path(os.path.abspath(folder))
        place = folder.resolve() if is_linked else folder
        self.root = Path(os.path.normpath(place / record.root))
        self._clips = {clip.id: clip for clip in record.clips}

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.record.name

    @property
    def clips(self) -> list[Clip]:
        """All clips."""
        return self.record.clips

    @property
    def ignore_index(self) -> int:
        """Label id that counts for nothing."""
        return self.record.ignore_index

    @property
    def classes(self) -> list[LabelClass]:
        """The classes that count, without void, in the order of their ids."""
        return [entry for entry in self.record.classes if not entry.ignore]

    @property
    def num_classes(self) -> int:
        """How many classes count; their ids are 0 .. num_classes - 1."""
        return len(self.classes)

    @property
    def splits(self) -> list[str]:
        """Names of the splits, in order of appearance."""
        return list(dict.fromkeys(clip.split for clip in self.clips))

    def clip(self, clip_id: str) -> Clip:
        """Return a clip by its id.

        Raises:
            InputError: There is no such clip.
        """
        if clip_id not in self._clips:
            raise InputError(f"data set {self.name} has no clip {clip_id}")
        return self._clips[clip_id]

    def select(self, splits: str | None, *, limit: int | None = None) -> list[Clip]:
        """Return the clips of some splits.

        Args:
            splits: Comma separated names, or None for all.
            limit: Keep the first so many clips only.

        Raises:
            ConfigError: An unknown split.
        """
        wanted = [name.strip() for name in splits.split(",")] if splits else self.splits
        for name in wanted:
            if name not in self.splits:
                raise unknown_name("split", name, self.splits)
        if not self.clips:
            raise ConfigError(f"data set {self.name} has no clips")
        return [clip for clip in self.clips if clip.split in wanted][:limit]

    def frame_source(self, clip: Clip, index: int) -> Path | VideoFrame:
        """Return where a frame is: an image path, or a video (absolute path) and index."""
        frame = clip.frames[index]
        if isinstance(frame, VideoFrame):
            return VideoFrame(video=str(self.root / frame.video), index=frame.index)
        return self.root / frame

    def label_path(self, clip: Clip, index: int) -> Path | None:
        """Return the label file of a frame, or None when it has none."""
        name = clip.labels.get(clip.frame_names[index])
        return None if name is None else self.root / name

    def palette(self) -> NDArray[np.uint8]:
        """Return the colours of all 256 label values, (256, 3) RGB; unknown ones are black."""
        return class_palette(self.record.classes)


def class_palette(classes: Iterable[LabelClass]) -> NDArray[np.uint8]:
    """Return the colours of all 256 label values, (256, 3) RGB; unknown ones are black."""
    palette = np.zeros((256, 3), np.uint8)
    for entry in classes:
        palette[entry.id] = entry.color
    return palette


def load_dataset(path: Path) -> Dataset:
    """Open a data set by its folder or its ``dataset.json``.

    Raises:
        InputError: Missing, unreadable, newer, or inconsistent.
    """
    index = path / INDEX if path.is_dir() else path
    if not index.is_file():
        raise InputError(
            f"no data set at {path}: {INDEX} is missing",
            hint="vstc data index --help shows how to make one",
        )
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        version = int(content.get("schema_version", 0))
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{index} has schema version {version}, this vstc reads up to {SCHEMA_VERSION}",
                hint="pip install --upgrade vstc",
            )
        record = DatasetRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{index} is not a data set index: {where}: {first['msg']}") from error
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{index} is not readable: {error}") from error
    dataset = Dataset(record, index.parent)
    _check_consistent(dataset, index)
    return dataset


def write_dataset(folder: Path, record: DatasetRecord) -> None:
    """Write ``dataset.json`` atomically, in the oldest version that can hold it."""
    value: dict[str, Any] = record.model_dump(mode="json", by_alias=True)
    value["schema_version"] = SCHEMA_VERSION
    if record.label_encoding is LabelEncoding.IDS:
        del value["label_encoding"]
        value["schema_version"] = 1
    atomic_write_json(folder / INDEX, value)


def relative_root(root: Path, folder: Path) -> str:
    """Express a data folder relative to the folder of the index, with forward slashes."""
    return PurePosixPath(os.path.relpath(root.resolve(), folder.resolve())).as_posix()


def dataset_ref(role: str, path: Path) -> InputRef:
    """Refer to a data set as an input; one without a manifest is identified by its index.

    Raises:
        InputError: The artifact of the data set is incomplete.
    """
    from vstc.artifacts.fingerprint import file_sha256

    folder = path if path.is_dir() else path.parent
    if (folder / "manifest.json").is_file() or (folder / "progress.json").is_file():
        manifest = read_manifest(folder, kind=KIND)
        return InputRef(role=role, path=str(path), kind=KIND, id=manifest["id"])
    index = path / INDEX if path.is_dir() else path
    if not index.is_file():
        load_dataset(path)
    return InputRef(role=role, path=str(path), kind="raw", id=file_sha256(index)[:16])


def _check_consistent(dataset: Dataset, index: Path) -> None:
    ids = [entry.id for entry in dataset.classes]
    if sorted(ids) != list(range(len(ids))):
        raise InputError(f"{index}: class ids must be 0..{len(ids) - 1}, found {sorted(ids)}")
    if dataset.ignore_index < len(ids):
        raise InputError(f"{index}: ignore_index {dataset.ignore_index} is the id of a class")
    _check_unique((clip.id for clip in dataset.clips), f"{index}: clip id")
    for clip in dataset.clips:
        if not _is_inside(clip.id):
            raise InputError(f"{index}: clip id {clip.id!r} cannot name a folder of an output")
        _check_unique(clip.frame_names, f"{index}: clip {clip.id}: frame name")
        known = set(clip.frame_names)
        for name in clip.labels:
            if name not in known:
                raise InputError(f"{index}: clip {clip.id}: label for unknown frame {name}")


def _is_inside(name: str) -> bool:
    """Tell whether a name, used as a path below a folder, stays below it."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _check_unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{what} stands twice: {name}")
        seen.add(name)
