"""Look into stored flow: figures per clip and direction, and one sheet of pictures per clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.flow.pictures import error_picture, flow_picture, in_grid, titled
from vstc.flow.remap import Flow, warp_to_target
from vstc.flow.statistics import FlowStatistics, field_statistics, summarise
from vstc.formats.dataset import Dataset
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection, FlowInfo, FlowReader
from vstc.formats.frames import FrameReader

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class InspectedFlow:
    """Figures of one clip in one direction.

    Attributes:
        clip_id: The clip.
        direction: The direction of the flow.
        gap: Distance of the two frames.
        num_pairs: Pairs that the figures are the mean of.
        saturated_values: Values of all pairs that were clipped to +-511.98 px.
        statistics: The figures.
    """

    clip_id: str
    direction: FlowDirection
    gap: int
    num_pairs: int
    saturated_values: int
    statistics: FlowStatistics

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; None where something is absent."""
        return {
            "clip": self.clip_id,
            "direction": str(self.direction),
            "gap": self.gap,
            "pairs": self.num_pairs,
            "saturated_values": self.saturated_values,
            **self.statistics.as_json(),
        }


class FlowInspector:
    """Reads flow, and the frames that belong to it if there are any.

    Args:
        archive: The flow.
        dataset: The data set that it was computed from; None leaves out what needs frames.
        gap: Distance of the two frames of a pair.
    """

    def __init__(self, archive: FlowArchive, dataset: Dataset | None, *, gap: int = 1) -> None:
        self._archive = archive
        self._dataset = dataset
        self._frames = None if dataset is None else FrameReader(dataset)
        self._gap = gap

    def figures(self, clip_id: str, *, most_pairs: int) -> Iterator[InspectedFlow]:
        """Yield the figures of each direction of a clip.

        Args:
            clip_id: The clip.
            most_pairs: Take so many pairs, evenly spread.

        Raises:
            InputError: Flow or frames are missing or damaged.
        """
        reader = self._archive.reader(clip_id)
        chosen = spread(reader.info.num_pairs(self._gap), most_pairs)
        for direction in reader.info.directions if chosen else ():
            rows = [self._figures_of_pair(clip_id, reader, i, direction) for i in chosen]
            yield InspectedFlow(
                clip_id=clip_id,
                direction=direction,
                gap=self._gap,
                num_pairs=len(rows),
                saturated_values=reader.saturated_values(direction=direction, gap=self._gap),
                statistics=summarise(rows),
            )

    def sheet(self, clip_id: str, index: int | None = None) -> Array8:
        """Draw a pair: frames, flow with its colour wheel, difference before and after warping.

        Args:
            clip_id: The clip.
            index: The pair; None takes the middle one.

        Returns:
            (H, W, 3) RGB.

        Raises:
            InputError: Flow or frames are missing or damaged.
        """
        reader = self._archive.reader(clip_id)
        info = reader.info
        pair = info.num_pairs(self._gap) // 2 if index is None else index
        if pair >= info.num_pairs(self._gap):
            raise InputError(
                f"clip {clip_id} has no pair {pair} with gap {self._gap}: "
                f"there are {info.num_pairs(self._gap)}"
            )
        names = info.frames[pair], info.frames[pair + self._gap]
        pictures: list[Array8] = []
        if self._frames is not None:
            prev, following = (self._frame(clip_id, info, i) for i in (pair, pair + self._gap))
            pictures += [titled(prev, f"prev: {names[0]}"), titled(following, f"next: {names[1]}")]
        for direction in info.directions:
            flow = reader.read(pair, direction=direction, gap=self._gap)
            pictures.append(titled(flow_picture(flow), f"flow {direction}"))
            if self._frames is not None:
                target, source = (
                    (following, prev)
                    if direction is FlowDirection.NEXT_TO_PREV
                    else (prev, following)
                )
                warped = warp_to_target(source, flow)
                pictures += [
                    titled(error_picture(target, source), "difference, as it is"),
                    titled(warped, f"warped by {direction}"),
                    titled(error_picture(target, warped), "difference, warped"),
                ]
        return in_grid(pictures)

    def _figures_of_pair(
        self, clip_id: str, reader: FlowReader, index: int, direction: FlowDirection
    ) -> FlowStatistics:
        flow = reader.read(index, direction=direction, gap=self._gap)
        others = [other for other in reader.info.directions if other is not direction]
        back: Flow | None = None
        if others:
            back = reader.read(index, direction=others[0], gap=self._gap)
        target = source = None
        if self._frames is not None:
            places = direction.frame_indices(index, gap=self._gap)
            target, source = (
                np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
                for frame in (self._frame(clip_id, reader.info, i) for i in places)
            )
        return field_statistics(
            flow, target_gray=target, source_gray=source, flow_source_to_target=back
        )

    def _frame(self, clip_id: str, info: FlowInfo, index: int) -> Array8:
        assert self._frames is not None
        assert self._dataset is not None
        clip = self._dataset.clip(clip_id)
        if tuple(clip.frame_names) != info.frames:
            raise InputError(
                f"clip {clip_id} of data set {self._dataset.name} has other frames than its flow",
                hint="compute the flow anew with --overwrite",
            )
        frame = self._frames.read(clip, index)
        if frame.shape[:2] != info.size:
            size = info.size[1], info.size[0]
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        return frame


def spread(count: int, most: int) -> Sequence[int]:
    """Choose at most ``most`` of ``count`` places, evenly spread, ends included."""
    if count <= most:
        return range(count)
    return [round(i) for i in np.linspace(0, count - 1, most)]
