"""Labelled frames to validate on, and the ways to them from key frames at several distances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from vstc.formats.dataset import Clip
from vstc.formats.frames import FrameReader
from vstc.metrics.confusion import ConfusionMatrix, mean_of_known
from vstc.propagation.carrying.inconsistency import StepMaps
from vstc.propagation.frames import FlowSource, PreparedFrame, prepare_frame, step_maps
from vstc.propagation.settings import PropagateSettings

OpenFlow = Callable[[Clip], FlowSource]


@dataclass(frozen=True)
class LabelledFrame:
    """A frame with labels that has frames before it."""

    clip: Clip
    index: int


@dataclass(frozen=True)
class Approach:
    """The way to a frame.

    Attributes:
        distance: Frames from the key frame.
        key: The key frame.
        current: The frame.
        steps: From each frame to the next, beginning at the key frame.
    """

    distance: int
    key: PreparedFrame
    current: PreparedFrame
    steps: list[StepMaps]


def choose_frames(clips: list[Clip], *, count: int) -> list[LabelledFrame]:
    """Choose labelled frames that something can be propagated to, spread evenly.

    Args:
        clips: Validation clips.
        count: Choose at most so many.
    """
    frames = [
        LabelledFrame(clip, index)
        for clip in clips
        if clip.is_consecutive
        for index in clip.labelled_indices
        if index > 0
    ]
    if len(frames) <= count:
        return frames
    return [frames[int(place)] for place in np.linspace(0, len(frames) - 1, count).round()]


def approaches(
    frame: LabelledFrame,
    distances: Iterable[int],
    *,
    reader: FrameReader,
    flow: FlowSource,
    settings: PropagateSettings,
) -> Iterator[Approach]:
    """Yield the ways to a frame from those distances that its clip has; no map is made twice.

    Args:
        frame: The frame.
        distances: From the key frame, above 0.
        reader: Decodes frames.
        flow: The flow of the clip.
        settings: How results are propagated.
    """

    @cache
    def prepared(index: int) -> PreparedFrame:
        return prepare_frame(index, reader.read(frame.clip, index), settings)

    @cache
    def maps_to(index: int) -> StepMaps:
        return step_maps(flow, prepared(index), prepared(index - 1), settings)

    for distance in distances:
        if distance <= frame.index:
            first = frame.index - distance
            steps = [maps_to(index) for index in range(first + 1, frame.index + 1)]
            yield Approach(distance, prepared(first), prepared(frame.index), steps)


def scores_by_distance(counts: dict[str, dict[int, ConfusionMatrix]]) -> dict[str, float | None]:
    """Return mIoU at each distance and its mean over the distances.

    Args:
        counts: By name and distance.

    Returns:
        For each name ``NAME`` and ``NAME_at_4``, in [0, 1]; None where nothing was counted.
    """
    scores: dict[str, float | None] = {}
    for name, matrices in counts.items():
        at = {distance: matrix.scores().miou for distance, matrix in matrices.items()}
        scores[name] = mean_of_known(list(at.values()))
        scores |= {f"{name}_at_{distance}": value for distance, value in at.items()}
    return scores
