"""A frame as propagation wants it, and flow between two of them. All here is safe in threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.flow.providers import FlowProvider
from vstc.flow.remap import fit_flow
from vstc.formats.flow.hdf5 import FlowDirection, FlowReader
from vstc.formats.video.motion_field import FrameVectors, MotionField
from vstc.propagation.carrying.carry import resize_ids
from vstc.propagation.carrying.inconsistency import Mask, StepMaps
from vstc.propagation.carrying.maps import Flow, Size, map_against_flow, map_from_flow
from vstc.propagation.schedule import thumbnail
from vstc.propagation.settings import PropagateSettings, Warping

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class PreparedFrame:
    """A frame with what is computed of it once.

    Attributes:
        index: Place in the clip.
        rgb: (H, W, 3).
        gray: Grey frame for flow, shrunk.
        thumbnail: For the search of cuts; None where none are looked for.
        vectors: Motion vectors that came with the frame; None if none did.
    """

    index: int
    rgb: Array8
    gray: Array8
    thumbnail: Array8 | None
    vectors: FrameVectors | None = None

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.rgb.shape[0], self.rgb.shape[1]


def prepare_frame(
    index: int,
    rgb: Array8,
    settings: PropagateSettings,
    *,
    vectors: FrameVectors | None = None,
) -> PreparedFrame:
    """Make the grey frame and the thumbnail.

    Args:
        index: Place in the clip.
        rgb: (H, W, 3).
        settings: Say how far frames are shrunk for flow, and whether cuts are looked for.
        vectors: Motion vectors that came with the frame.
    """
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    size = scaled_size((rgb.shape[0], rgb.shape[1]), settings.flow.scale)
    if size != gray.shape:
        small = cv2.resize(gray, (size[1], size[0]), interpolation=cv2.INTER_AREA)
        gray = np.asarray(small, np.uint8)
    for_cuts = thumbnail(gray) if settings.finds_cuts else None
    return PreparedFrame(index, rgb, gray, for_cuts, vectors)


def scaled_size(size: Size, scale: float) -> Size:
    """Return height and width times a factor, rounded, at least 1."""
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


class FlowSource(Protocol):
    """Gives flow between two frames; called from several threads."""

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> Flow:
        """Return flow_target_to_source, (h, w, 2) at any resolution, in pixels of its own."""


@runtime_checkable
class GappyFlowSource(FlowSource, Protocol):
    """Gives flow that has gaps, and tells where."""

    def field(self, target: PreparedFrame, source: PreparedFrame) -> MotionField:
        """Return flow_target_to_source and where it is known, at any resolution."""


class ComputedFlow:
    """Flow that is computed of the grey frames.

    Args:
        provider: The method.
    """

    def __init__(self, provider: FlowProvider) -> None:
        self._worker = provider.make_worker()

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> Flow:
        """Compute flow_target_to_source."""
        return self._worker.flow(target.gray, source.gray)


class StoredFlow:
    """Flow of one clip from a file of ``vstc flow precompute``.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._reader = FlowReader(path)

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> Flow:
        """Read flow_target_to_source.

        Raises:
            InputError: The file lacks it, or was made for frames of another size.
        """
        made_for = self._reader.info.source_size
        if tuple(made_for) != target.size:
            raise InputError(
                f"{self._reader.path} was made for frames of {made_for[0]} x {made_for[1]} "
                f"pixels, these have {target.size[0]} x {target.size[1]}"
            )
        is_forward = target.index > source.index
        direction = FlowDirection.NEXT_TO_PREV if is_forward else FlowDirection.PREV_TO_NEXT
        first, gap = min(target.index, source.index), abs(target.index - source.index)
        return self._reader.read(first, direction=direction, gap=gap)


class Mapper(Protocol):
    """Gives the maps of a step; a pipeline has them ready."""

    def maps(self, target: PreparedFrame, source: PreparedFrame) -> StepMaps:
        """Return the maps from a frame to its neighbour, earlier or later."""


class FlowMapper:
    """Makes maps when they are asked for.

    Args:
        flows: Where flow comes from.
        settings: The form, and the size of the maps.
    """

    def __init__(self, flows: FlowSource, settings: PropagateSettings) -> None:
        self._flows = flows
        self._settings = settings

    def maps(self, target: PreparedFrame, source: PreparedFrame) -> StepMaps:
        """Return the maps from a frame to its neighbour, earlier or later."""
        return step_maps(self._flows, target, source, self._settings)


def step_maps(
    flows: FlowSource, target: PreparedFrame, source: PreparedFrame, settings: PropagateSettings
) -> StepMaps:
    """Make the maps that carry from a frame to its neighbour, earlier or later in time.

    Paul et al.'s form (``eq1``) has one flow, on the grid of the source, and so has ours with
    ``iam.flows`` 1, on the grid of the target; the way back is the same flow turned round.
    With two flows both ways are exact.

    Args:
        flows: Where flow comes from.
        target: The frame to carry to.
        source: The frame to carry from.
        settings: The form, and the size of the maps.
    """
    size = scaled_size(target.size, settings.map_scale)
    if settings.warping is Warping.EQ1:
        source_to_target = fit_flow(flows.flow(source, target), size)
        there = map_against_flow(source_to_target)
        return StepMaps(there, map_from_flow(source_to_target) if settings.needs_doubt else None)
    is_one_flow = settings.needs_doubt and settings.iam.flows == 1
    blind: Mask | None = None
    if is_one_flow and settings.iam.gaps and isinstance(flows, GappyFlowSource):
        field = flows.field(target, source)
        target_to_source = fit_flow(field.flow_next_to_prev, size)
        blind = resize_ids((~field.has_vector).astype(np.uint8), size)
    else:
        target_to_source = fit_flow(flows.flow(target, source), size)
    there = map_from_flow(target_to_source)
    if not settings.needs_doubt:
        return StepMaps(there, None)
    if is_one_flow:
        return StepMaps(there, map_against_flow(target_to_source), blind)
    return StepMaps(there, map_from_flow(fit_flow(flows.flow(source, target), size)))
