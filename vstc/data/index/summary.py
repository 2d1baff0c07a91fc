"""What a data set index holds, clip by clip, as people want to see it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.formats.images import image_size
from vstc.formats.video.files import VideoReader


@dataclass(frozen=True)
class ClipSummary:
    """One clip in figures.

    Attributes:
        size: (height, width) of the first frame.
        is_consecutive: Neighbours are close enough in time for optical flow.
    """

    id: str
    split: str
    frames: int
    labelled: int
    size: tuple[int, int]
    fps: float | None
    frame_step: int | None
    is_consecutive: bool

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"size": list(self.size)}


def summarise(dataset: Dataset) -> list[ClipSummary]:
    """Look at every clip, opening the header of its first frame.

    Raises:
        InputError: A first frame is missing or unreadable.
    """
    return [
        ClipSummary(
            id=clip.id,
            split=clip.split,
            frames=len(clip.frames),
            labelled=len(clip.labelled_indices),
            size=_first_size(dataset, clip),
            fps=clip.fps,
            frame_step=clip.frame_step,
            is_consecutive=clip.is_consecutive,
        )
        for clip in dataset.clips
    ]


def _first_size(dataset: Dataset, clip: Clip) -> tuple[int, int]:
    source = dataset.frame_source(clip, 0)
    if isinstance(source, VideoFrame):
        with VideoReader(Path(source.video)) as reader:
            return reader.info.height, reader.info.width
    return image_size(source)
