"""What gives the flow of clips, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.manifest import InputRef
from vstc.errors import InputError
from vstc.formats.dataset import Clip
from vstc.formats.flow.hdf5 import FlowDirection

FlowField = NDArray[np.float32]
VisibleMask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class FlowNeeds:
    """What of the flow of a clip will be asked for.

    Attributes:
        prev_to_next: The flow on the grid of the earlier frame of a pair.
        next_to_prev: The flow on the grid of the later frame.
        visibility: Masks of what is seen in the other frame, for the directions above.
    """

    prev_to_next: bool = True
    next_to_prev: bool = False
    visibility: bool = False

    @property
    def directions(self) -> tuple[FlowDirection, ...]:
        """The directions, in the order of flow files."""
        wanted = {
            FlowDirection.NEXT_TO_PREV: self.next_to_prev,
            FlowDirection.PREV_TO_NEXT: self.prev_to_next,
        }
        return tuple(direction for direction in FlowDirection if wanted[direction])

    def __or__(self, other: FlowNeeds) -> FlowNeeds:
        """Return what is needed by either."""
        return FlowNeeds(
            prev_to_next=self.prev_to_next or other.prev_to_next,
            next_to_prev=self.next_to_prev or other.next_to_prev,
            visibility=self.visibility or other.visibility,
        )


FORWARD_ONLY = FlowNeeds()


class ClipFlow(Protocol):
    """Gives the flow of the pairs of one clip; pair i is frames i and i + 1.

    A source need not have everything: ``FlowSource.check`` tells beforehand.
    """

    def prev_to_next(self, index: int) -> FlowField:
        """Return the flow from frame ``index`` to ``index + 1``.

        Returns:
            (h, w, 2) float32 on the grid of frame ``index``, (x, y) in pixels of that grid:
            sampling the next frame at grid + flow gives the previous one.
        """

    def next_to_prev(self, index: int) -> FlowField:
        """Return the flow from frame ``index + 1`` to ``index``.

        Returns:
            (h, w, 2) float32 on the grid of frame ``index + 1``, (x, y) in pixels of that grid:
            sampling the previous frame at grid + flow gives the next one.
        """

    def visible_prev(self, index: int) -> VisibleMask:
        """Return which pixels of frame ``index`` are seen in ``index + 1`` too, (h, w)."""

    def visible_next(self, index: int) -> VisibleMask:
        """Return which pixels of frame ``index + 1`` are seen in ``index`` too, (h, w)."""


class FlowSource(Protocol):
    """Opens the flow of clips; called from several threads, one clip per thread."""

    def check(self, clips: Sequence[Clip], needs: FlowNeeds = FORWARD_ONLY) -> None:
        """Look whether there is what will be asked for, before any work is done.

        Raises:
            InputError: Something is missing or does not fit.
        """

    def reference(self) -> InputRef | None:
        """Refer to what is read as an input; None where flow is computed."""

    def open(self, clip: Clip) -> AbstractContextManager[ClipFlow]:
        """Open the flow of one clip."""

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from: method, parameters, resolution, id."""


def no_visibility(where: str) -> InputError:
    """Build the error for a source that has no visibility masks."""
    return InputError(
        f"{where} has no visibility masks",
        hint="take occlusion fb: it finds hidden pixels by the flow there and back",
    )
