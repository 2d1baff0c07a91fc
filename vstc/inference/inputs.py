"""What a network is run on: a data set, a folder of images, or a video file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vstc.artifacts.manifest import InputRef
from vstc.data.index.folder import FolderSettings, find_folder
from vstc.data.index.source import Source
from vstc.data.index.video import VideoSettings, find_video
from vstc.errors import InputError
from vstc.formats.dataset import INDEX, Dataset, dataset_ref, load_dataset


@dataclass(frozen=True)
class FrameInput:
    """Frames to run on.

    Attributes:
        dataset: The frames as a data set.
        reference: How the manifest names them.
        is_raw: They come from a folder or a video without an index.
    """

    dataset: Dataset
    reference: InputRef
    is_raw: bool


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


def _from_source(source: Source, output: Path) -> FrameInput:
    record = source.record(source.build(lambda _count: None), output)
    return FrameInput(Dataset(record, output), source.as_input(), is_raw=True)
