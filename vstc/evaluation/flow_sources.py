"""Where evaluation gets optical flow from, and its fit to the size of the labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref
from vstc.errors import InputError
from vstc.flow.providers import FlowProvider, FlowWorker
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.flow_hdf5 import KIND, FlowArchive, FlowDirection, FlowReader
from vstc.formats.frames import FrameReader

FlowField = NDArray[np.float32]


class ClipFlow(Protocol):
    """Gives the flow of the pairs of one clip."""

    def prev_to_next(self, index: int) -> FlowField:
        """Return the flow from frame ``index`` to ``index + 1``.

        Returns:
            (h, w, 2) float32 on the grid of frame ``index``, (x, y) in pixels of that grid:
            sampling the next frame at grid + flow gives the previous one.
        """


class FlowSource(Protocol):
    """Opens the flow of clips; called from several threads, one clip per thread."""

    def open(self, clip: Clip) -> AbstractContextManager[ClipFlow]:
        """Open the flow of one clip."""

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""


class ComputedFlow:
    """Computes flow from the grey frames of a data set when it is asked for.

    Args:
        dataset: Where the frames are.
        provider: The method.
    """

    def __init__(self, dataset: Dataset, provider: FlowProvider) -> None:
        self._reader = FrameReader(dataset)
        self._provider = provider
        self._worker = provider.make_worker()

    @contextmanager
    def open(self, clip: Clip) -> Iterator[ClipFlow]:
        """Open the flow of one clip."""
        yield _ComputedClipFlow(self._reader, self._worker, clip)

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""
        return {
            "source": "computed",
            "method": self._provider.name,
            "params": dict(self._provider.params),
        }


class StoredFlow:
    """Reads flow from an artifact of ``vstc flow precompute``, or a bare folder of such files.

    Args:
        folder: The folder, with one ``<clip>.h5`` per clip.

    Raises:
        InputError: Missing, incomplete, or of another kind.
    """

    def __init__(self, folder: Path) -> None:
        self._archive = FlowArchive(folder)

    def reference(self) -> InputRef:
        """Refer to the folder as an input; one without a manifest by its names and sizes."""
        folder = self._archive.folder
        if (folder / MANIFEST).is_file():
            return input_ref("flow", folder, kind=KIND)
        files = [f"{clip_id}.h5" for clip_id in self._archive.clip_ids()]
        identity = fingerprint_files(folder, files)
        return InputRef(role="flow", path=str(folder), kind="raw", id=identity)

    def check(self, clips: Iterable[Clip]) -> None:
        """Look whether the flow of some clips is there, without decoding any.

        Raises:
            InputError: A file is missing, damaged, made of other frames, or lacks the flow
                from the previous frame to the next.
        """
        for clip in clips:
            reader = self._archive.reader(clip.id)
            info = reader.info
            if list(info.frames) != clip.frame_names:
                raise InputError(
                    f"flow {reader.path} was made of other frames than clip {clip.id} has now",
                    hint="run its vstc flow precompute again with --overwrite",
                )
            if FlowDirection.PREV_TO_NEXT not in info.directions or 1 not in info.gaps:
                raise InputError(
                    f"flow {reader.path} has no {FlowDirection.PREV_TO_NEXT} between neighbours",
                    hint="leave out --flow, or run its vstc flow precompute for both directions",
                )

    @contextmanager
    def open(self, clip: Clip) -> Iterator[ClipFlow]:
        """Open the flow of one clip; raises as ``check``."""
        self.check([clip])
        yield _StoredClipFlow(self._archive.reader(clip.id))

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""
        info = self._archive.reader(self._archive.clip_ids()[0]).info
        described = {"source": "stored", "method": info.method, "params": dict(info.params)}
        return described | {"id": self.reference().id}


def fit_flow(flow: FlowField, size: tuple[int, int]) -> FlowField:
    """Bring a flow field to the size of the labels, bilinearly, vectors scaled alike.

    Args:
        flow: (h, w, 2) in pixels of its own grid.
        size: Height and width wanted.

    Returns:
        (H, W, 2) in pixels of the new grid; the input itself when the size is right.
    """
    height, width = flow.shape[:2]
    if (height, width) == size:
        return flow
    resized = cv2.resize(flow, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    scale = np.array([size[1] / width, size[0] / height], np.float32)
    return np.asarray(resized * scale, np.float32)


class _ComputedClipFlow:
    def __init__(self, reader: FrameReader, worker: FlowWorker, clip: Clip) -> None:
        self._reader = reader
        self._worker = worker
        self._clip = clip
        self._grays: dict[int, NDArray[np.uint8]] = {}

    def prev_to_next(self, index: int) -> FlowField:
        # Only the last two frames are kept: pairs come in order and share one.
        self._grays = {i: self._gray(i) for i in (index, index + 1)}
        return self._worker.flow(self._grays[index], self._grays[index + 1])

    def _gray(self, index: int) -> NDArray[np.uint8]:
        if index in self._grays:
            return self._grays[index]
        frame = self._reader.read(self._clip, index)
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


class _StoredClipFlow:
    def __init__(self, reader: FlowReader) -> None:
        self._reader = reader

    def prev_to_next(self, index: int) -> FlowField:
        return self._reader.read(index, direction=FlowDirection.PREV_TO_NEXT)
