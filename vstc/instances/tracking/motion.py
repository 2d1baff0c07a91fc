"""The flow that masks are moved along: stored, or computed from the pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.manifest import InputRef
from vstc.errors import InputError
from vstc.flow.providers import make_provider
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection
from vstc.formats.objects.store import InstanceClip
from vstc.instances.tracking.pictures import refuse_other_shape

Flow = NDArray[np.float32]
Gray = NDArray[np.uint8]
DEFAULT_METHOD = "dis-medium"


class Motion(Protocol):
    """Gives the flow from each frame of a clip to the one before."""

    @property
    def needs_pictures(self) -> bool:
        """Whether it is computed from the frames."""

    def task(
        self, clip: InstanceClip, index: int, *, prev: Gray | None, gray: Gray | None
    ) -> Callable[[], Flow] | None:
        """Prepare the flow of one frame; the work may be done in any thread.

        Args:
            clip: The clip.
            index: The frame, not the first.
            prev: The frame before, where pictures are needed and known.
            gray: The frame.

        Returns:
            Gives flow_next_to_prev, on the grid of frame ``index``, (h, w, 2) in pixels: sampling
            frame ``index - 1`` at grid + flow gives ``index``. None when it cannot be had.
        """

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""


class StoredMotion:
    """Flow of an artifact; its frames are found by their names.

    Args:
        folder: A ``vstc.flow`` artifact.

    Raises:
        InputError: Missing or incomplete.
    """

    needs_pictures = False

    def __init__(self, folder: Path) -> None:
        self._archive = FlowArchive(folder)
        self._places: tuple[str, dict[str, int]] = ("", {})

    def reference(self) -> InputRef:
        """Refer to the artifact as an input."""
        return self._archive.reference()

    def check(self, clip: InstanceClip) -> None:
        """Look whether a clip has flow between some of its frames.

        Raises:
            InputError: No flow, of another shape, of other frames, or of the other direction only.
        """
        reader = self._archive.reader(clip.id)
        if FlowDirection.NEXT_TO_PREV not in reader.info.directions or 1 not in reader.info.gaps:
            raise InputError(
                f"flow {reader.path} has no next_to_prev between neighbours",
                hint="run its vstc flow precompute for both directions",
            )
        refuse_other_shape(reader.info.size, clip, what=f"flow {reader.path}")
        last = len(clip.frame_names)
        if last > 1 and all(self._pair(clip, index) is None for index in range(1, last)):
            raise InputError(
                f"flow {reader.path} was made of other frames than clip {clip.id} has, such as "
                f"{clip.frame_names[0]}"
            )

    def task(
        self, clip: InstanceClip, index: int, *, prev: Gray | None, gray: Gray | None
    ) -> Callable[[], Flow] | None:
        """Prepare the reading of one field; frames that are no neighbours there have none."""
        pair = self._pair(clip, index)
        if pair is None:
            return None
        reader = self._archive.reader(clip.id)
        return partial(reader.read, pair, direction=FlowDirection.NEXT_TO_PREV)

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""
        return {"source": "stored", "id": self.reference().id}

    def _pair(self, clip: InstanceClip, index: int) -> int | None:
        if self._places[0] != clip.id:
            names = self._archive.reader(clip.id).info.frames
            self._places = (clip.id, {name: place for place, name in enumerate(names)})
        before, now = (self._places[1].get(clip.frame_names[n]) for n in (index - 1, index))
        is_pair = before is not None and now is not None and now == before + 1
        return before if is_pair else None


class ComputedMotion:
    """Flow computed from the frames.

    Args:
        method: Name in the catalog of flow methods.

    Raises:
        ConfigError: An unknown method.
    """

    needs_pictures = True

    def __init__(self, method: str = DEFAULT_METHOD) -> None:
        self._provider = make_provider(method)
        self._worker = self._provider.make_worker()

    def task(
        self, clip: InstanceClip, index: int, *, prev: Gray | None, gray: Gray | None
    ) -> Callable[[], Flow] | None:
        """Prepare the computation of one field; frames without a picture have none."""
        if prev is None or gray is None:
            return None
        if prev.shape != gray.shape:
            raise InputError(
                f"clip {clip.id}: the picture of frame {clip.frame_names[index]} has another "
                f"size, {gray.shape[1]}x{gray.shape[0]}, than that of the frame before"
            )
        return partial(self._worker.flow, gray, prev)

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""
        provider = self._provider
        return {"source": "computed", "method": provider.name, "params": dict(provider.params)}
