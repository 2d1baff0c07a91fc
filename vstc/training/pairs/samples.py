"""One sample: a frame, an earlier frame as its key frame, and the maps from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.data.augment import CropMap, draw_crop, warp_image, warp_labels
from vstc.formats.dataset import Clip
from vstc.formats.frames import FrameReader
from vstc.propagation.carrying.inconsistency import StepMaps
from vstc.propagation.frames import PreparedFrame, step_maps
from vstc.training.pairs.crop_flow import CropFlow
from vstc.training.pairs.settings import PairSettings
from vstc.training.samples import common_size, cropped_labels, draw_recolor, make_augmentation
from vstc.training.sources import DrawOrder, Slot, Source

Array8 = NDArray[np.uint8]
OWN = "own"


@dataclass(frozen=True)
class PairSample:
    """A sample at crop size.

    Attributes:
        key: (h, w, 3) RGB, the earlier frame.
        current: (h, w, 3) RGB, the frame to refine.
        steps: Maps from each frame to the next, from the key frame on; empty at distance 0.
        labels: (h, w) ids of the current frame, 255 for void.
        asks_network: The labels only tell what is void; the network is to say the rest.
    """

    key: Array8
    current: Array8
    steps: list[StepMaps]
    labels: Array8
    asks_network: bool


@dataclass(frozen=True)
class PairBatch:
    """Samples joined; lists and rows are in the order of the samples.

    Attributes:
        key_B3HW: RGB uint8.
        current_B3HW: RGB uint8.
        labels_BHW: uint8 ids, 255 for void.
        own_rows: Samples whose labels the network gives.
        steps: Maps of each sample.
    """

    key_B3HW: torch.Tensor
    current_B3HW: torch.Tensor
    labels_BHW: torch.Tensor
    own_rows: list[int]
    steps: list[list[StepMaps]]

    @property
    def num_images(self) -> int:
        """How many frames the batch holds."""
        return 2 * int(self.key_B3HW.shape[0])

    def pinned(self) -> PairBatch:
        """Return the batch in page-locked memory."""
        return replace(
            self,
            key_B3HW=self.key_B3HW.pin_memory(),
            current_B3HW=self.current_B3HW.pin_memory(),
            labels_BHW=self.labels_BHW.pin_memory(),
        )

    def to(self, device: torch.device) -> PairBatch:
        """Return the batch on a device, channels last; maps stay where they are."""

        def moved(images: torch.Tensor) -> torch.Tensor:
            placed = images.to(device, non_blocking=True)
            return placed.contiguous(memory_format=torch.channels_last)

        return replace(
            self,
            key_B3HW=moved(self.key_B3HW),
            current_B3HW=moved(self.current_B3HW),
            labels_BHW=self.labels_BHW.to(device, non_blocking=True),
        )


def join_refiner_samples(samples: Sequence[PairSample]) -> PairBatch:
    """Join samples of one crop size to a batch."""

    def images(frames: list[Array8]) -> torch.Tensor:
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)

    return PairBatch(
        key_B3HW=images([sample.key for sample in samples]),
        current_B3HW=images([sample.current for sample in samples]),
        labels_BHW=torch.from_numpy(np.stack([sample.labels for sample in samples])),
        own_rows=[row for row, sample in enumerate(samples) if sample.asks_network],
        steps=[sample.steps for sample in samples],
    )


class PairSampleMaker:
    """Builds the sample of any slot at any step; safe to call from several threads.

    Args:
        sources: Where current frames come from; that called ``own`` is labelled by the network.
        slots: Layout of a batch.
        settings: The run's settings.
        flow: Flow between neighbours.
        reader: Decodes frames.
        input_scale: Factor between a frame and the network's input.
    """

    def __init__(
        self,
        sources: list[Source],
        slots: list[Slot],
        settings: PairSettings,
        *,
        flow: CropFlow,
        reader: FrameReader,
        input_scale: float,
    ) -> None:
        self._sources = sources
        self._slots = slots
        self._settings = settings
        self._flow = flow
        self._reader = reader
        self._input_scale = input_scale
        self._order = DrawOrder(sources, slots, seed=settings.seed)
        self._augmentation = make_augmentation(settings)

    def make(self, step: int, slot_index: int) -> PairSample:
        """Build a sample; the same arguments always give the same sample.

        Raises:
            InputError: A frame, label or flow cannot be read, or sizes differ.
        """
        settings = self._settings
        random = np.random.default_rng([settings.seed, 2, step, slot_index])
        source = self._sources[self._slots[slot_index].source]
        anchor = self._order.anchor(step, slot_index)
        distance = draw_distance(
            random,
            anchor.index if anchor.clip.is_consecutive else 0,
            largest=settings.largest_distance,
            still_share=settings.still_share,
        )
        key, current = anchor.index - distance, anchor.index
        frames = [self._reader.read(anchor.clip, index) for index in (key, current)]
        crop = draw_crop(
            random,
            self._augmentation,
            source_size=common_size(frames, anchor.clip),
            input_scale=self._input_scale,
        )
        recolor = draw_recolor(random, settings)
        key_crop, current_crop = (recolor(warp_image(frame, crop)) for frame in frames)
        asks_network = source.name == OWN
        return PairSample(
            key=key_crop,
            current=current_crop,
            steps=self._steps(anchor.clip, key, current, crop),
            labels=inside_frame(crop)
            if asks_network
            else cropped_labels(source.dataset, anchor, crop),
            asks_network=asks_network,
        )

    def _steps(self, clip: Clip, key: int, current: int, crop: CropMap) -> list[StepMaps]:
        """Return the maps from each frame to the next, as propagation makes them of frames."""
        flow = _FlowOfCrop(self._flow, clip, crop)
        places = [_place(index, crop) for index in range(key, current + 1)]
        return [
            step_maps(flow, target, source, self._settings.propagation)
            for source, target in zip(places, places[1:], strict=False)
        ]


class _FlowOfCrop:
    """The flow of one crop, as propagation asks for it."""

    def __init__(self, flow: CropFlow, clip: Clip, crop: CropMap) -> None:
        self._flow = flow
        self._clip = clip
        self._crop = crop

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> NDArray[np.float32]:
        return self._flow.flow(self._clip, target.index, source.index, self._crop)


def _place(index: int, crop: CropMap) -> PreparedFrame:
    """Return a frame of which only place and size are known, as flow comes from elsewhere."""
    blank = np.broadcast_to(np.uint8(0), (*crop.crop_size, 3))
    return PreparedFrame(index, rgb=blank, gray=blank[:, :, 0], thumbnail=blank[:1, :1, 0])


def draw_distance(
    random: np.random.Generator, available: int, *, largest: int, still_share: float
) -> int:
    """Draw how many frames the key frame lies before the current one.

    Args:
        random: Source of randomness.
        available: Frames of the clip before the current one.
        largest: Largest distance.
        still_share: Probability of 0.

    Returns:
        0, or else a number from 1 to ``largest``, or to ``available`` if that is less, all alike.
    """
    is_still, part = random.random() < still_share, random.random()
    reach = min(available, largest)
    return 0 if is_still or reach == 0 else 1 + int(part * reach)


def inside_frame(crop: CropMap) -> Array8:
    """Return 0 where a crop shows the frame and 255 where it is padded, (h, w)."""
    return warp_labels(np.zeros(crop.source_size, np.uint8), crop)
