"""Flow that ``vstc flow precompute`` has stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import InputRef
from vstc.errors import InputError
from vstc.evaluation.flow_sources.source import (
    FORWARD_ONLY,
    ClipFlow,
    FlowField,
    FlowNeeds,
    VisibleMask,
    no_visibility,
)
from vstc.formats.dataset import Clip
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection, FlowReader


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
        """Refer to the artifact as an input."""
        return self._archive.reference()

    def check(self, clips: Iterable[Clip], needs: FlowNeeds = FORWARD_ONLY) -> None:
        """Look whether the flow of some clips is there, without decoding any.

        Raises:
            InputError: A file is missing, damaged, made of other frames, or lacks a direction
                or the visibility.
        """
        for clip in clips:
            reader = self._reader(clip)
            for direction in needs.directions:
                _require(reader, direction)
            if needs.visibility and not reader.info.has_visibility:
                raise no_visibility(f"flow {reader.path}")

    @contextmanager
    def open(self, clip: Clip) -> Iterator[ClipFlow]:
        """Open the flow of one clip.

        Raises:
            InputError: The file is missing, damaged, or made of other frames.
        """
        yield _StoredClipFlow(self._reader(clip))

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from; sizes are those of the first clip."""
        info = self._archive.reader(self._archive.clip_ids()[0]).info
        return {
            "source": "stored",
            "method": info.method,
            "params": dict(info.params),
            "scale": round(info.size[1] / info.source_size[1], 6),
            "size": f"{info.size[1]}x{info.size[0]}",
            "frame_size": f"{info.source_size[1]}x{info.source_size[0]}",
            "id": self.reference().id,
        }

    def _reader(self, clip: Clip) -> FlowReader:
        reader = self._archive.reader(clip.id)
        if list(reader.info.frames) != clip.frame_names:
            raise InputError(
                f"flow {reader.path} was made of other frames than clip {clip.id} has now",
                hint="run its vstc flow precompute again with --overwrite",
            )
        return reader


class _StoredClipFlow:
    def __init__(self, reader: FlowReader) -> None:
        self._reader = reader

    def prev_to_next(self, index: int) -> FlowField:
        return self._field(index, FlowDirection.PREV_TO_NEXT)

    def next_to_prev(self, index: int) -> FlowField:
        return self._field(index, FlowDirection.NEXT_TO_PREV)

    def visible_prev(self, index: int) -> VisibleMask:
        return self._visible(index, FlowDirection.PREV_TO_NEXT)

    def visible_next(self, index: int) -> VisibleMask:
        return self._visible(index, FlowDirection.NEXT_TO_PREV)

    def _field(self, index: int, direction: FlowDirection) -> FlowField:
        _require(self._reader, direction)
        return self._reader.read(index, direction=direction)

    def _visible(self, index: int, direction: FlowDirection) -> VisibleMask:
        _require(self._reader, direction)
        if not self._reader.info.has_visibility:
            raise no_visibility(f"flow {self._reader.path}")
        return self._reader.visible(index, direction=direction)


def _require(reader: FlowReader, direction: FlowDirection) -> None:
    info = reader.info
    if direction not in info.directions or 1 not in info.gaps:
        raise InputError(
            f"flow {reader.path} has no {direction} between neighbours",
            hint="leave out --flow, or run its vstc flow precompute for both directions",
        )
