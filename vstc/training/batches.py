"""Batches: samples joined to tensors, made ahead of time by threads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch

from vstc.training.samples import Sample
from vstc.training.step import AnyBatch

SampleT = TypeVar("SampleT")
SampleT_co = TypeVar("SampleT_co", covariant=True)
BatchT = TypeVar("BatchT", bound=AnyBatch)
_STEPS_AHEAD = 3


@dataclass(frozen=True)
class Batch:
    """A training batch. All frames lie in one tensor, the anchors first.

    Attributes:
        images_B3HW: RGB uint8.
        labels_AHW: int64 ids of the A anchors, 255 for void.
        pairs: Rows (anchor, neighbour), for the pair-wise loss.
        flow_pairs: Rows (anchor, neighbour) that have flow, for the temporal loss.
        flow_P2HW: Flow on the anchor's grid to the neighbour, crop pixels.
        valid_PHW: Where that flow holds.
        flow_back_P2HW: Flow on the neighbour's grid to the anchor, when the mask wants it.
        sequences: Rows of every sample with neighbours, in time order.
    """

    images_B3HW: torch.Tensor
    labels_AHW: torch.Tensor
    pairs: list[tuple[int, int]]
    flow_pairs: list[tuple[int, int]]
    flow_P2HW: torch.Tensor | None
    valid_PHW: torch.Tensor | None
    flow_back_P2HW: torch.Tensor | None
    sequences: list[list[int]]

    @property
    def num_anchors(self) -> int:
        """How many labelled frames lead the batch."""
        return int(self.labels_AHW.shape[0])

    @property
    def num_images(self) -> int:
        """How many frames the batch holds."""
        return int(self.images_B3HW.shape[0])

    def pinned(self) -> Batch:
        """Return the batch with frames and labels in page-locked memory."""
        return replace(
            self,
            images_B3HW=self.images_B3HW.pin_memory(),
            labels_AHW=self.labels_AHW.pin_memory(),
        )

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device, channels last; the host does not wait for the copies."""
        images = self.images_B3HW.to(device, non_blocking=True)
        images = images.contiguous(memory_format=torch.channels_last)

        def moved(tensor: torch.Tensor | None) -> torch.Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        return replace(
            self,
            images_B3HW=images,
            labels_AHW=self.labels_AHW.to(device, non_blocking=True),
            flow_P2HW=moved(self.flow_P2HW),
            valid_PHW=moved(self.valid_PHW),
            flow_back_P2HW=moved(self.flow_back_P2HW),
        )


def join_samples(samples: Sequence[Sample]) -> Batch:
    """Join samples to a batch.

    Args:
        samples: All of the same crop size.
    """
    frames = [sample.frames[0] for sample in samples]
    pairs: list[tuple[int, int]] = []
    flow_pairs: list[tuple[int, int]] = []
    flows, valids, backs = [], [], []
    sequences: list[list[int]] = []
    for anchor_row, sample in enumerate(samples):
        rows = [anchor_row]
        for frame in sample.frames[1:]:
            rows.append(len(frames))
            pairs.append((anchor_row, len(frames)))
            frames.append(frame)
        if len(rows) > 1:
            in_time = sorted(range(len(rows)), key=lambda place: sample.times[place])
            sequences.append([rows[place] for place in in_time])
        for entry in sample.flows:
            flow_pairs.append((anchor_row, rows[entry.neighbour]))
            flows.append(entry.flow)
            valids.append(entry.valid)
            if entry.flow_back is not None:
                backs.append(entry.flow_back)
    images = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    labels = torch.from_numpy(np.stack([sample.labels for sample in samples]).astype(np.int64))
    return Batch(
        images_B3HW=images,
        labels_AHW=labels,
        pairs=pairs,
        flow_pairs=flow_pairs,
        flow_P2HW=_stack_fields(flows),
        valid_PHW=torch.from_numpy(np.stack(valids)) if valids else None,
        flow_back_P2HW=_stack_fields(backs),
        sequences=sequences,
    )


def _stack_fields(fields: list[np.ndarray]) -> torch.Tensor | None:
    if not fields:
        return None
    return torch.from_numpy(np.stack(fields)).permute(0, 3, 1, 2).contiguous()


class MakesSamples(Protocol[SampleT_co]):
    """Builds the sample of a slot at a step; several threads call it at once."""

    def make(self, step: int, slot_index: int) -> SampleT_co:
        """Build a sample; the same arguments always give the same sample."""


class BatchStream(Generic[SampleT, BatchT]):
    """Makes the batches of a range of steps in threads, a few steps ahead.

    Decoding, warping and flow decompression release the GIL, so threads suffice.

    Attributes:
        wait_seconds: Time that the consumer spent waiting for data so far.

    Args:
        maker: Builds the samples.
        join: Joins the samples of a step.
        num_slots: Samples in a batch.
        workers: Threads.
        pin_memory: Put batches into page-locked memory, for copies to a GPU.
    """

    def __init__(
        self,
        maker: MakesSamples[SampleT],
        join: Callable[[list[SampleT]], BatchT],
        *,
        num_slots: int,
        workers: int,
        pin_memory: bool,
    ) -> None:
        self._maker = maker
        self._join = join
        self._num_slots = num_slots
        self._workers = workers
        self._pin_memory = pin_memory
        self.wait_seconds = 0.0

    def batches(self, first_step: int, last_step: int) -> Iterator[tuple[int, BatchT]]:
        """Yield (step, batch) for first_step <= step < last_step."""
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="samples")
        ahead: deque[list[Future[SampleT]]] = deque()

        def submit(step: int) -> None:
            if step < last_step:
                slots = range(self._num_slots)
                ahead.append([pool.submit(self._maker.make, step, slot) for slot in slots])

        try:
            for step in range(first_step, first_step + _STEPS_AHEAD):
                submit(step)
            for step in range(first_step, last_step):
                started = time.perf_counter()
                samples = [future.result() for future in ahead.popleft()]
                self.wait_seconds += time.perf_counter() - started
                submit(step + _STEPS_AHEAD)
                batch = self._join(samples)
                yield step, batch.pinned() if self._pin_memory else batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
