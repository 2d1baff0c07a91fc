"""The trimaps of all objects of a frame, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vstc.formats.objects.store import InstanceClip
from vstc.trimaps.flow import Flow, FlowBetween
from vstc.trimaps.neighbours import respect_neighbours
from vstc.trimaps.object_trimap import ObjectTrimap, keep_core_anew, object_trimap
from vstc.trimaps.patch import Patch, Size
from vstc.trimaps.settings import ExportSettings
from vstc.trimaps.smoothing import smooth_along_flow
from vstc.trimaps.sources.source import FrameObjects
from vstc.trimaps.values import MASK_FROM
from vstc.trimaps.widths import RuleOfFrame


@dataclass(frozen=True, eq=False)
class FrameTrimaps:
    """The trimaps of a frame.

    Attributes:
        index: Place of the frame in the clip.
        name: Name of the frame.
        objects: Its visible objects by track.
    """

    index: int
    name: str
    objects: Mapping[int, ObjectTrimap]


@dataclass(frozen=True, eq=False)
class InTime:
    """A frame with those beside it; None at the ends of the clip and where none is needed."""

    current: FrameTrimaps
    earlier: FrameTrimaps | None = None
    later: FrameTrimaps | None = None


class TrimapMaker:
    """Makes the trimaps of a clip; each step may run in any thread.

    Args:
        clip: The clip.
        settings: What is to be made.
        rules: Gives the rule of each frame, by track; other tracks are passed over.
        flow: What smoothing follows; None where nothing is smoothed.
    """

    def __init__(
        self,
        clip: InstanceClip,
        settings: ExportSettings,
        *,
        rules: Mapping[int, RuleOfFrame],
        flow: FlowBetween | None = None,
    ) -> None:
        self._clip = clip
        self._settings = settings
        self._rules = rules
        self._flow = flow

    @property
    def _size(self) -> Size:
        return (self._clip.height, self._clip.width)

    def make(self, frame: FrameObjects) -> FrameTrimaps:
        """Make the trimap of each object, alone in the frame.

        Raises:
            InputError: The objects cannot be read.
        """
        objects = {
            track: self._alone(track, patch, frame.index)
            for track, patch in frame.load()
            if track in self._rules
        }
        return FrameTrimaps(frame.index, frame.name, dict(sorted(objects.items())))

    def settle(self, in_time: InTime) -> FrameTrimaps:
        """Bring the objects of a frame into line with the frames beside it and with each other.

        Raises:
            InputError: Flow cannot be had.
        """
        frame = in_time.current
        objects = list(frame.objects.values())
        if self._flow is not None:
            objects = self._smoothed(in_time, self._flow)
        if self._settings.neighbours:
            objects = respect_neighbours(objects, size=self._size)
        return FrameTrimaps(frame.index, frame.name, {one.track: one for one in objects})

    def _alone(self, track: int, patch: Patch, index: int) -> ObjectTrimap:
        area = int(np.count_nonzero(patch.values >= MASK_FROM))
        return object_trimap(
            patch,
            self._rules[track](index, area),
            track=track,
            size=self._size,
            core_share=self._settings.core_share,
            smallest_part=self._settings.smallest_part,
        )

    def _smoothed(self, in_time: InTime, flow: FlowBetween) -> list[ObjectTrimap]:
        earlier, later = in_time.earlier, in_time.later
        objects = list(in_time.current.objects.values())
        if earlier is None or later is None or not objects:
            return objects
        index = in_time.current.index
        to_earlier = flow.flow(self._clip, index, to=index - 1)
        to_later = flow.flow(self._clip, index, to=index + 1)
        return [self._smooth(one, earlier, later, to_earlier, to_later) for one in objects]

    def _smooth(
        self,
        one: ObjectTrimap,
        earlier: FrameTrimaps,
        later: FrameTrimaps,
        to_earlier: Flow,
        to_later: Flow,
    ) -> ObjectTrimap:
        smoothed = smooth_along_flow(
            one,
            earlier=earlier.objects.get(one.track),
            later=later.objects.get(one.track),
            flow_current_to_earlier=to_earlier,
            flow_current_to_later=to_later,
        )
        if smoothed is one:
            return one
        return keep_core_anew(
            smoothed,
            size=self._size,
            core_share=self._settings.core_share,
            smallest_part=self._settings.smallest_part,
        )
