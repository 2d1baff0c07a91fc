"""Results as files of a predictions artifact: a label map, and a confidence, for each frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.formats.cityscapes import refuse_other_classes
from vstc.formats.dataset import class_palette
from vstc.formats.images import encode_gray, encode_labels
from vstc.formats.label_encoding import train_ids_to_label_ids
from vstc.inference.checkpoint import ClassTable
from vstc.inference.results import FrameResult, Size
from vstc.inference.stream import StageTimes, WriteBehind

Array8 = NDArray[np.uint8]
LabelFormat = Literal["ids", "cityscapes"]


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
    def of(cls, table: ClassTable, format: LabelFormat) -> LabelFile:
        """Choose values and colours.

        Raises:
            InputError: The format is Cityscapes', but the classes are others.
        """
        values = np.arange(256, dtype=np.uint8)
        if format == "cityscapes":
            refuse_other_classes(table.classes, what="the checkpoint")
            values = train_ids_to_label_ids()
        written = [c.model_copy(update={"id": int(values[c.id])}) for c in table.classes]
        return cls(values, class_palette(written))

    def encode(self, labels: Array8) -> bytes:
        """Encode (H, W) class ids as PNG."""
        return encode_labels(np.asarray(cv2.LUT(labels, self.values), np.uint8), self.palette)


class LabelFiles:
    """Writes ``<clip>/<frame>.png`` and, if asked, ``<clip>/confidence/<frame>.png``, in threads.

    Args:
        workspace: The artifact.
        file: How class ids are written.
        confidence: Write confidences too; results must have them.
        workers: Threads that encode and write.
        times: Is added to.
    """

    def __init__(
        self,
        workspace: Workspace,
        file: LabelFile,
        *,
        confidence: bool,
        workers: int,
        times: StageTimes,
    ) -> None:
        self._workspace = workspace
        self._file = file
        self._confidence = confidence
        self._workers = workers
        self._times = times
        self._clip_id = ""
        self._writes: WriteBehind | None = None

    def open(self, clip_id: str, *, size: Size, fps: float | None) -> None:
        """Begin a clip."""
        del size, fps
        self._clip_id = clip_id
        self._writes = WriteBehind(self._workers, self._times)

    def write(self, result: FrameResult) -> None:
        """Hand a result to a thread."""
        assert self._writes is not None
        self._writes.submit(partial(self._write, result))

    def close(self) -> None:
        """Wait for all files."""
        writes, self._writes = self._writes, None
        if writes is not None:
            with writes:
                writes.drain()

    def abandon(self) -> None:
        """Wait for the files of the frames that were taken."""
        writes, self._writes = self._writes, None
        if writes is not None:
            with writes:
                writes.settle()

    def _write(self, result: FrameResult) -> None:
        # The class ids come last: where they are, the confidence is too.
        if self._confidence:
            assert result.confidence is not None
            name = confidence_file(self._clip_id, result.name)
            self._workspace.write_bytes(name, encode_gray(result.confidence))
        labels = self._file.encode(result.labels)
        self._workspace.write_bytes(label_file(self._clip_id, result.name), labels)


def label_file(clip_id: str, frame_name: str) -> str:
    """Return where the label map of a frame lies in a predictions artifact."""
    return f"{clip_id}/{frame_name}.png"


def confidence_file(clip_id: str, frame_name: str) -> str:
    """Return where the confidence of a frame lies in a predictions artifact."""
    return f"{clip_id}/confidence/{frame_name}.png"
