"""Predict every frame on its own, streaming, into a folder of label maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.formats.cityscapes import refuse_other_classes
from vstc.formats.dataset import Clip, Dataset, class_palette
from vstc.formats.frames import FrameReader
from vstc.formats.images import (
    encode_gray,
    encode_labels,
    image_size,
    overlay_labels,
    read_labels,
)
from vstc.formats.label_encoding import train_ids_to_label_ids
from vstc.formats.video import VideoWriter
from vstc.inference.checkpoint import ClassTable
from vstc.inference.network import FrameNetwork
from vstc.inference.settings import PredictSettings
from vstc.inference.stream import (
    Prediction,
    StageTimes,
    WriteBehind,
    predict_frames,
    unfinished,
)

Array8 = NDArray[np.uint8]
TIMING = "timing.json"
_DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class LabelFile:
    """How class ids are written.

    Attributes:
        values: (256,) what is written for each class id.
        palette: (256, 3) RGB, the colour of each written value.
    """

    values: Array8
    palette: Array8

    @classmethod
    def of(cls, table: ClassTable, settings: PredictSettings) -> LabelFile:
        """Choose values and colours.

        Raises:
            InputError: The format is Cityscapes', but the classes are others.
        """
        values = np.arange(256, dtype=np.uint8)
        if settings.format == "cityscapes":
            refuse_other_classes(table.classes, what="the checkpoint")
            values = train_ids_to_label_ids()
        written = [c.model_copy(update={"id": int(values[c.id])}) for c in table.classes]
        return cls(values, class_palette(written))

    def encode(self, labels: Array8) -> bytes:
        """Encode (H, W) class ids as PNG."""
        return encode_labels(np.asarray(cv2.LUT(labels, self.values), np.uint8), self.palette)


def count_frames(table: ClassTable, clips: list[Clip], settings: PredictSettings) -> int:
    """Count the frames to predict, once it is sure that their labels can be written.

    Raises:
        InputError: As ``LabelFile.of``.
    """
    LabelFile.of(table, settings)
    return sum(len(clip.frames) for clip in clips)


def predict_dataset(
    network: FrameNetwork,
    table: ClassTable,
    dataset: Dataset,
    clips: list[Clip],
    settings: PredictSettings,
    *,
    workspace: Workspace,
    workers: int,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Predict clips into ``<clip>/<frame>.png``; frames that are there already are kept.

    Args:
        network: The network.
        table: Its classes, for the colours.
        dataset: Where the frames are.
        clips: What to predict.
        settings: Test-time augmentation and what to write.
        workspace: The output.
        workers: Threads that encode and write.
        advance: Takes the number of frames just finished.

    Returns:
        Timing figures.
    """
    times = StageTimes()
    reader = FrameReader(dataset)
    file = LabelFile.of(table, settings)
    total = sum(len(clip.frames) for clip in clips)
    done = 0
    with WriteBehind(workers, times) as writes:
        for clip in clips:
            names = clip.frame_names
            missing = unfinished(
                range(len(names)),
                batch=settings.batch,
                is_done=partial(_is_written, workspace, clip, settings),
            )
            done += len(names) - len(missing)
            advance(len(names) - len(missing))
            predictions = predict_frames(
                network,
                reader,
                clip,
                missing,
                scales=settings.scales,
                flip=settings.flip,
                batch=settings.batch,
                times=times,
            )
            for prediction in predictions:
                name = names[prediction.index]
                writes.submit(_writer(workspace, clip, name, prediction, file, settings))
                done += 1
                workspace.progress(done, total)
                advance(1)
            if settings.overlay:
                writes.drain()
                _write_overlay(workspace, reader, clip, file.palette)
    summary = times.as_json()
    workspace.write_json(TIMING, summary | {"network_ms": times.network_ms})
    return summary


def label_file(clip: Clip, frame_name: str) -> str:
    """Return where the label map of a frame lies in a predictions artifact."""
    return f"{clip.id}/{frame_name}.png"


def confidence_file(clip: Clip, frame_name: str) -> str:
    """Return where the confidence of a frame lies in a predictions artifact."""
    return f"{clip.id}/confidence/{frame_name}.png"


def _is_written(workspace: Workspace, clip: Clip, settings: PredictSettings, index: int) -> bool:
    frame_name = clip.frame_names[index]
    is_complete = workspace.has(label_file(clip, frame_name))
    return is_complete and (
        not settings.confidence or workspace.has(confidence_file(clip, frame_name))
    )


def _writer(
    workspace: Workspace,
    clip: Clip,
    frame_name: str,
    prediction: Prediction,
    file: LabelFile,
    settings: PredictSettings,
) -> Callable[[], None]:
    def write() -> None:
        if settings.confidence:
            data = encode_gray(prediction.confidence)
            workspace.write_bytes(confidence_file(clip, frame_name), data)
        labels = file.encode(prediction.labels)
        workspace.write_bytes(label_file(clip, frame_name), labels)

    return write


def _write_overlay(workspace: Workspace, reader: FrameReader, clip: Clip, palette: Array8) -> None:
    """Write the clip as a video with its label colours, from the finished label maps."""
    name = f"{clip.id}/overlay.mp4"
    if workspace.has(name):
        return
    fps = (clip.fps or _DEFAULT_FPS) / (clip.frame_step or 1)
    size = image_size(workspace.path / label_file(clip, clip.frame_names[0]))
    with VideoWriter(workspace.path / name, fps=fps, size=size) as video:
        for frame, frame_name in zip(reader.stream(clip), clip.frame_names, strict=True):
            labels = read_labels(workspace.path / label_file(clip, frame_name))
            video.write(overlay_labels(frame, labels, palette))
