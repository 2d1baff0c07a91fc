"""What a network is run on: a data set, a folder of images, a video, a pipe or a camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vstc.artifacts.manifest import InputRef
from vstc.data.index.folder import FolderSettings, find_folder
from vstc.data.index.source import Source
from vstc.data.index.video import VideoSettings, find_video
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import INDEX, Dataset, dataset_ref, load_dataset
from vstc.formats.video.camera import CameraReader
from vstc.formats.video.pipe import standard_input
from vstc.formats.video.y4m import Y4mReader
from vstc.inference.frame_streams import CameraStream, LiveStream, Y4mStream

PIPE = "-"
PIPE_CLIP = "stdin"
_CAMERA = "camera:"


@dataclass(frozen=True)
class FrameInput:
    """Frames that are stored.

    Attributes:
        dataset: The frames as a data set.
        reference: How the manifest names them.
        is_raw: They come from a folder or a video without an index.
        remarks: What a person should know of raw frames, one sentence each.
    """

    dataset: Dataset
    reference: InputRef
    is_raw: bool
    remarks: list[str] = field(default_factory=list)


def open_input(text: str, *, output: Path | None) -> FrameInput | LiveStream:
    """Open whatever frames can come from.

    Args:
        text: ``-`` for YUV4MPEG2 on standard input, ``camera:N`` or just N for a camera, else as
            ``open_frames``.
        output: As for ``open_frames``; None is here.

    Raises:
        ConfigError: Standard input is a terminal, or no number of a camera.
        InputError: There is nothing to read, or something else.
        SetupError: There is no such camera.
    """
    if text == PIPE:
        return open_pipe()
    index = _camera_index(text)
    if index is not None:
        return CameraStream(CameraReader(index))
    return open_frames(Path(text), output=output or Path())


def is_live(text: str) -> bool:
    """Tell whether frames come once and cannot be read again."""
    return text == PIPE or _camera_index(text) is not None


def open_pipe() -> Y4mStream:
    """Open YUV4MPEG2 on standard input; its header is read at once.

    Raises:
        ConfigError: Standard input is a terminal.
        InputError: Something else comes in, or nothing.
    """
    source = standard_input()
    reader = Y4mReader(source.stream, name=source.name)
    return Y4mStream(reader, clip_id=PIPE_CLIP, interrupt=source.interrupt)


def open_frames(path: Path, *, output: Path) -> FrameInput:
    """Open a data set, a folder of images in time order, or a video file.

    Args:
        path: What to open.
        output: Folder that an index made on the fly is relative to.

    Raises:
        InputError: There is nothing to read.
    """
    if path.suffix == ".json" or (path / INDEX).is_file():
        return FrameInput(load_dataset(path), dataset_ref("dataset", path), is_raw=False)
    if path.is_dir():
        return _from_source(find_folder(path, FolderSettings(frame_step=1)), output)
    if path.is_file():
        return _from_source(find_video([path], VideoSettings()), output)
    raise InputError(
        f"nothing to read at {path}", hint="give a data set, a folder of images, or a video"
    )


def _camera_index(text: str) -> int | None:
    """Return the number of the camera that is meant; None when none is."""
    digits = text.removeprefix(_CAMERA)
    if digits.isascii() and digits.isdigit() and len(digits) < 6:
        is_file = text == digits and Path(text).exists()
        return None if is_file else int(digits)
    if digits != text:
        raise ConfigError(f"{text} names no camera", hint="such as camera:0")
    return None


def _from_source(source: Source, output: Path) -> FrameInput:
    indexed = source.build(lambda _count: None)
    record = source.record(indexed, output)
    dataset = Dataset(record, output)
    return FrameInput(dataset, source.as_input(), is_raw=True, remarks=indexed.remarks)
