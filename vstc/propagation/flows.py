"""Where the flow of each clip comes from: computed, or stored by ``vstc flow precompute``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from vstc.artifacts.manifest import InputRef
from vstc.errors import InputError
from vstc.formats.dataset import Clip
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection, FlowReader, flow_path
from vstc.propagation.frames import ComputedFlow, FlowSource, StoredFlow
from vstc.propagation.settings import PropagateSettings, Warping


class ClipFlows(Protocol):
    """Gives the flow of clips."""

    def of(self, clip: Clip | None) -> FlowSource:
        """Return the flow of a clip; None is a stream, which has none that is stored."""

    @property
    def method(self) -> str:
        """Name of the method that the flow was made with."""


class ComputedFlows:
    """Computes flow from the frames; one object serves all clips and threads.

    Args:
        settings: Say how.

    Attributes:
        method: Name of the method.
    """

    def __init__(self, settings: PropagateSettings) -> None:
        self.method = settings.flow.method
        self._flow = ComputedFlow(settings.flow.make_provider())

    def of(self, clip: Clip | None) -> FlowSource:
        """Return what computes."""
        del clip
        return self._flow


class StoredFlows:
    """Reads flow of an artifact, one file per clip.

    Args:
        folder: The artifact, or a bare folder of such files.

    Raises:
        InputError: Missing, incomplete, or of another kind.
    """

    def __init__(self, folder: Path) -> None:
        self._archive = FlowArchive(folder)

    def of(self, clip: Clip | None) -> FlowSource:
        """Return the flow of a clip.

        Raises:
            InputError: There is none, or it was made of other frames.
        """
        return StoredFlow(self._reader(clip).path)

    @property
    def method(self) -> str:
        """Name of the method of the first file; those of an artifact have the same.

        Raises:
            InputError: There is no file, or it is damaged.
        """
        clip_ids = self._archive.clip_ids()
        if not clip_ids:
            raise InputError(f"{self._archive.folder} holds no flow")
        return self._archive.reader(clip_ids[0]).info.method

    def check(self, clips: Sequence[Clip], settings: PropagateSettings) -> None:
        """Look whether all flow that will be asked for is there, without decoding any.

        Raises:
            InputError: A file is missing, was made of other frames, or lacks a direction.
        """
        needed = directions_needed(settings)
        for clip in clips:
            if len(clip.frames) < 2:
                continue
            reader = self._reader(clip)
            missing = [name for name in needed if name not in reader.info.directions]
            if missing or 1 not in reader.info.gaps:
                raise InputError(
                    f"flow {reader.path} has no {(missing or needed)[0]} between neighbours",
                    hint="run its vstc flow precompute for both directions, or leave out --flow",
                )

    def reference(self) -> InputRef:
        """Refer to the artifact as an input."""
        return self._archive.reference()

    def _reader(self, clip: Clip | None) -> FlowReader:
        if clip is None:
            raise InputError(
                "flow is stored for clips of a data set, not for a pipe or a camera",
                hint="leave out --flow",
            )
        if not self._archive.has(clip.id):
            raise InputError(
                f"flow for clip {clip.id} is missing: {flow_path(self._archive.folder, clip.id)}",
                hint="vstc flow precompute computes what is missing with --resume",
            )
        reader = self._archive.reader(clip.id)
        if list(reader.info.frames) != clip.frame_names:
            raise InputError(
                f"flow {reader.path} was made of other frames than clip {clip.id} has now",
                hint="run its vstc flow precompute again with --overwrite",
            )
        return reader


def directions_needed(settings: PropagateSettings) -> tuple[FlowDirection, ...]:
    """Return which flow between neighbours a run asks for.

    Carrying forth needs the flow on the grid of the later frame, in the form of Paul et al. on
    that of the earlier one; carrying back, and the second flow of the mask, need the other.
    """
    if not settings.warp:
        return ()
    first, second = FlowDirection.NEXT_TO_PREV, FlowDirection.PREV_TO_NEXT
    if settings.warping is Warping.EQ1:
        first, second = second, first
    both = settings.look_ahead or settings.flows_per_step == 2
    return (first, second) if both else (first,)
