"""One training sample: an anchor frame, its neighbours, labels and flow, all cropped alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.augment import (
    Augmentation,
    CropMap,
    WarpedFlow,
    draw_crop,
    warp_flow,
    warp_image,
    warp_labels,
)
from vstc.data.labels import VOID, read_true_labels
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.formats.frames import FrameReader
from vstc.training.flows import FlowShelf
from vstc.training.settings import LoopSettings, TrainSettings
from vstc.training.sources import Anchor, DrawOrder, Slot, Source, draw_neighbours

Array8 = NDArray[np.uint8]
_BLUR_KERNEL = (5, 5)


@dataclass(frozen=True)
class FlowToNeighbour:
    """Flow on the anchor's grid: the anchor's pixel p lies at p + flow in the neighbour.

    Attributes:
        neighbour: Place of the neighbour in the sample's frames.
        flow: (h, w, 2) float32 in crop pixels.
        valid: (h, w) bool.
        flow_back: (h, w, 2) flow on the neighbour's grid to the anchor; only for the
            forward-backward mask.
    """

    neighbour: int
    flow: NDArray[np.float32]
    valid: NDArray[np.bool_]
    flow_back: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Sample:
    """A sample at crop size.

    Attributes:
        frames: (h, w, 3) RGB; the anchor first, then the later and the earlier neighbour.
        times: Frame index of each, to put them in time order.
        labels: (h, w) ids of the anchor, 255 for void.
        flows: Flow from the anchor to neighbours, as far as the temporal loss needs it.
    """

    frames: list[Array8]
    times: list[int]
    labels: Array8
    flows: list[FlowToNeighbour]


class SampleMaker:
    """Builds the sample of any slot at any step; safe to call from several threads.

    Args:
        sources: Where samples come from.
        slots: Layout of a batch.
        settings: The run's settings.
        flow: Stored flow; needed when the temporal loss is on.
    """

    def __init__(
        self,
        sources: list[Source],
        slots: list[Slot],
        settings: TrainSettings,
        *,
        flow: FlowShelf | None,
    ) -> None:
        self._settings = settings
        self._slots = slots
        self._order = DrawOrder(sources, slots, seed=settings.seed)
        self._flow = flow
        self._sources = sources
        cache = settings.cache_mib * 2**20 // len(sources)
        self._readers = [FrameReader(source.dataset, cache_bytes=cache) for source in sources]
        self._augmentation = make_augmentation(settings)

    def make(self, step: int, slot_index: int) -> Sample:
        """Build a sample; the same arguments always give the same sample.

        Raises:
            InputError: A frame, label or flow cannot be read, or sizes differ.
        """
        settings, slot = self._settings, self._slots[slot_index]
        random = np.random.default_rng([settings.seed, 1, step, slot_index])
        anchor = self._order.anchor(step, slot_index)
        neighbours: list[int] = []
        if settings.needs_neighbours:
            neighbours = draw_neighbours(
                random,
                anchor,
                sampling=settings.sampling,
                gap=settings.gap,
                needs_past=settings.needs_past,
            )
        times = [anchor.index, *neighbours]
        reader = self._readers[slot.source]
        frames = [reader.read(anchor.clip, index) for index in times]
        crop = draw_crop(
            random,
            self._augmentation,
            source_size=common_size(frames, anchor.clip),
            input_scale=settings.input_scale,
        )
        recolor = draw_recolor(random, settings)
        return Sample(
            frames=[recolor(warp_image(frame, crop)) for frame in frames],
            times=times,
            labels=cropped_labels(self._sources[slot.source].dataset, anchor, crop),
            flows=self._flows(anchor, neighbours, crop),
        )

    def _flows(self, anchor: Anchor, neighbours: list[int], crop: CropMap) -> list[FlowToNeighbour]:
        if "tl" not in self._settings.terms or self._flow is None:
            return []
        is_later_only = self._settings.tl.pairs == "last"
        flows: list[FlowToNeighbour] = []
        for place, index in enumerate(neighbours, start=1):
            if is_later_only and index < anchor.index:
                continue
            there = read_warped_flow(self._flow, anchor.clip, anchor.index, index, crop)
            back = None
            if self._settings.tl.mask == "fb":
                back = read_warped_flow(self._flow, anchor.clip, index, anchor.index, crop).flow
            flows.append(FlowToNeighbour(place, there.flow, there.valid, back))
        return flows


def make_augmentation(settings: LoopSettings) -> Augmentation:
    """Return what settings allow to be drawn."""
    return Augmentation(
        crop_size=settings.crop,
        scale=settings.scale,
        flip_probability=settings.flip,
        max_rotation_degrees=settings.rotate,
    )


def cropped_labels(dataset: Dataset, anchor: Anchor, crop: CropMap) -> Array8:
    """Read the labels of a frame and crop them; all void where it has none.

    Raises:
        InputError: The file cannot be read, or is of another size than the frame.
    """
    labels = read_true_labels(dataset, anchor.clip, anchor.index)
    if labels is None:
        return np.full(crop.crop_size, VOID, np.uint8)
    if labels.shape != crop.source_size:
        path = dataset.label_path(anchor.clip, anchor.index)
        raise InputError(
            f"label {path} is {labels.shape[1]}x{labels.shape[0]}, its frame is "
            f"{crop.source_size[1]}x{crop.source_size[0]}",
            hint=f"vstc data check {dataset.folder} lists all such files",
        )
    return warp_labels(labels, crop)


def draw_recolor(random: np.random.Generator, settings: LoopSettings) -> Callable[[Array8], Array8]:
    """Draw blur and colour changes, the same for all frames of a sample."""
    is_blurred = random.random() < settings.blur
    gain, bias = 1.0 + settings.color * (random.random(2) - 0.5)
    if not is_blurred and settings.color == 0:
        return lambda frame: frame

    # Not convertScaleAbs: it would turn what falls below black bright again.
    levels = np.clip(np.rint(gain * np.arange(256) + 128 * (bias - 1)), 0, 255)
    table = levels.astype(np.uint8)

    def recolor(frame: Array8) -> Array8:
        if is_blurred:
            frame = np.asarray(cv2.GaussianBlur(frame, _BLUR_KERNEL, 0), np.uint8)
        return np.asarray(cv2.LUT(frame, table), np.uint8)

    return recolor


def common_size(frames: list[Array8], clip: Clip) -> tuple[int, int]:
    """Return the (height, width) of all frames of a sample."""
    sizes = {(frame.shape[0], frame.shape[1]) for frame in frames}
    if len(sizes) > 1:
        shown = ", ".join(sorted(f"{width}x{height}" for height, width in sizes))
        raise InputError(f"frames of clip {clip.id} differ in size: {shown}")
    return sizes.pop()


def read_warped_flow(
    shelf: FlowShelf, clip: Clip, target: int, source: int, crop: CropMap
) -> WarpedFlow:
    """Read the flow on the grid of frame ``target`` to frame ``source``, and crop it.

    Raises:
        InputError: The archive lacks the clip, the gap or the direction, or has another size.
    """
    reader = shelf.reader(clip.id)
    size = reader.info.size
    if size != crop.source_size:
        raise InputError(
            f"flow of clip {clip.id} is {size[1]}x{size[0]}, its frames are "
            f"{crop.source_size[1]}x{crop.source_size[0]}",
            hint="compute the flow at full size: vstc flow precompute --scale 1",
        )
    rows, columns = window = crop.source_window()
    direction = FlowDirection.PREV_TO_NEXT if source > target else FlowDirection.NEXT_TO_PREV
    field = reader.read(
        min(target, source),
        direction=direction,
        gap=abs(source - target),
        window=(
            rows.start,
            columns.start,
            rows.stop - rows.start,
            columns.stop - columns.start,
        ),
    )
    return warp_flow(field, window, crop)
