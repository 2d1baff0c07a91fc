"""A made-up data set on disk with predictions, for measuring whole evaluations."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.bench.flow import make_frames
from vstc.bench.label_scenes import NUM_CLASSES, make_label_maps
from vstc.formats.dataset import (
    Clip,
    Dataset,
    DatasetRecord,
    LabelClass,
    class_palette,
    write_dataset,
)
from vstc.formats.images import encode_labels, encode_rgb


@dataclass(frozen=True)
class MetricClips:
    """A data set and predictions for all of its frames.

    Attributes:
        dataset: The data set; its frames are PNG files, it has no labels.
        folder: Folder of ``dataset.json``.
        predictions: Folder of the predictions.
    """

    dataset: Dataset
    folder: Path
    predictions: Path

    @property
    def clips(self) -> list[Clip]:
        """The clips."""
        return self.dataset.record.clips

    @property
    def num_pairs(self) -> int:
        """Pairs of neighbouring frames of all clips."""
        return sum(len(clip.frames) - 1 for clip in self.clips)


def write_clips(
    folder: Path, size: tuple[int, int], *, num_clips: int, num_frames: int
) -> MetricClips:
    """Write clips that all show the same frames; a file is there once and linked.

    Args:
        folder: A folder that is not there yet.
        size: Height and width of frames and predictions.
        num_clips: Clips.
        num_frames: Frames of each.
    """
    names = [f"{index:06d}" for index in range(num_frames)]
    classes = [LabelClass(id=k, name=f"class{k}", color=_color(k)) for k in range(NUM_CLASSES)]
    palette = class_palette(classes)
    for name, frame in zip(names, make_frames(size, num_frames), strict=True):
        atomic_write_bytes(folder / f"frames/{name}.png", encode_rgb(frame))
    clip_ids = [f"clip{index:03d}" for index in range(num_clips)]
    predictions = folder / "predictions"
    for name, labels in zip(names, make_label_maps(size, num_frames), strict=True):
        first = predictions / clip_ids[0] / f"{name}.png"
        atomic_write_bytes(first, encode_labels(labels, palette))
        for other in clip_ids[1:]:
            _link(first, predictions / other / first.name)
    record = DatasetRecord(
        name="bench",
        root=".",
        classes=classes,
        clips=[
            Clip(
                id=clip_id,
                split="bench",
                frame_step=1,
                frames=[f"frames/{name}.png" for name in names],
            )
            for clip_id in clip_ids
        ],
    )
    write_dataset(folder, record)
    return MetricClips(Dataset(record, folder), folder, predictions)


def _color(class_id: int) -> tuple[int, int, int]:
    return (10 * class_id, 255 - 10 * class_id, 0)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
