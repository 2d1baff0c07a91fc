"""The flow that smoothing needs: from each frame to the ones beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.manifest import InputRef
from vstc.errors import ConfigError, InputError
from vstc.flow.providers import make_provider
from vstc.flow.remap import fit_flow
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection
from vstc.formats.images import read_rgb
from vstc.formats.objects.store import InstanceClip
from vstc.trimaps.sources.source import ObjectSource

Flow = NDArray[np.float32]
DEFAULT_METHOD = "dis-medium"


class FlowBetween(Protocol):
    """Gives flow between neighbours; from any thread."""

    def check(self, clip: InstanceClip) -> None:
        """Refuse a clip whose flow is not to be had, before any work is done.

        Raises:
            InputError: Missing, or made of other frames.
        """

    def flow(self, clip: InstanceClip, index: int, *, to: int) -> Flow:
        """Return the flow from a frame to the one before or after it.

        Args:
            clip: The clip.
            index: On whose grid.
            to: ``index - 1`` or ``index + 1``.

        Returns:
            (H, W, 2) float32 in pixels: sampling frame ``to`` at grid + flow gives ``index``.
        """


class StoredFlow:
    """Flow of an artifact, both directions.

    Args:
        folder: A ``vstc.flow`` artifact with a file for each clip.

    Raises:
        InputError: Missing or incomplete.
    """

    def __init__(self, folder: Path) -> None:
        self._archive = FlowArchive(folder)

    def reference(self) -> InputRef:
        """Refer to the artifact as an input."""
        return self._archive.reference()

    def check(self, clip: InstanceClip) -> None:
        """Look whether a clip has flow of its frames in both directions."""
        reader = self._archive.reader(clip.id)
        if tuple(reader.info.frames) != clip.frame_names:
            raise InputError(f"flow {reader.path} was made of other frames than clip {clip.id} has")
        lacking = set(FlowDirection) - set(reader.info.directions)
        if lacking or 1 not in reader.info.gaps:
            raise InputError(
                f"flow {reader.path} lacks a direction between neighbours",
                hint="run its vstc flow precompute for both directions",
            )

    def flow(self, clip: InstanceClip, index: int, *, to: int) -> Flow:
        """Read a field, enlarged to the size of the frames."""
        is_back = to < index
        direction = FlowDirection.NEXT_TO_PREV if is_back else FlowDirection.PREV_TO_NEXT
        field = self._archive.reader(clip.id).read(min(index, to), direction=direction)
        return fit_flow(field, (clip.height, clip.width))


class ComputedFlow:
    """Flow computed from the images of the frames.

    Args:
        source: Knows where the images are.
        method: Name in the catalog of flow methods.

    Raises:
        ConfigError: An unknown method.
    """

    def __init__(self, source: ObjectSource, *, method: str) -> None:
        self._source = source
        self._worker = make_provider(method).make_worker()

    def check(self, clip: InstanceClip) -> None:
        """Look whether the images of a clip are there."""
        for index in range(len(clip.frame_names)):
            self._path(clip, index)

    def flow(self, clip: InstanceClip, index: int, *, to: int) -> Flow:
        """Compute a field."""
        return self._worker.flow(self._gray(clip, index), self._gray(clip, to))

    def _gray(self, clip: InstanceClip, index: int) -> NDArray[np.uint8]:
        path = self._path(clip, index)
        image = read_rgb(path)
        if image.shape[:2] != (clip.height, clip.width):
            raise InputError(
                f"{path} is {image.shape[1]}x{image.shape[0]}, masks of clip {clip.id} are "
                f"{clip.width}x{clip.height}"
            )
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)

    def _path(self, clip: InstanceClip, index: int) -> Path:
        path = self._source.frame_image(clip, index)
        if path is None or not path.is_file():
            raise InputError(
                f"smoothing needs flow, and frame {clip.frame_names[index]} of clip {clip.id} has "
                f"no image to compute it from{'' if path is None else f': {path}'}",
                hint="give stored flow with --flow, or masks that know their frames",
            )
        return path


def open_flow(source: ObjectSource, *, stored: Path | None, method: str | None) -> FlowBetween:
    """Open stored flow, or prepare to compute it.

    Raises:
        ConfigError: Both are given, or an unknown method.
        InputError: Stored flow is missing or incomplete.
    """
    if stored is None:
        return ComputedFlow(source, method=method or DEFAULT_METHOD)
    if method is not None:
        raise ConfigError(
            f"flow is read from {stored}, so a flow method ({method}) has no effect",
            hint="leave out --flow or --flow-method",
        )
    return StoredFlow(stored)
