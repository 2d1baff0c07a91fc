"""Frames through a network, one clip after the other: decoding ahead, writing behind."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.dataset import Clip
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork

Array8 = NDArray[np.uint8]
_DECODED_AHEAD = 4
_WRITES_PENDING = 16


@dataclass
class StageTimes:
    """Where the time went, in seconds: waiting for frames, the network, waiting for writes.

    Attributes:
        network_ms: Network time of every batch in milliseconds per frame.
    """

    decode: float = 0.0
    network: float = 0.0
    write: float = 0.0
    frames: int = 0
    network_ms: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return sums, and median and 95th percentile of the network time."""
        seconds = self.decode + self.network + self.write
        sorted_ms = sorted(self.network_ms)
        return {
            "frames": self.frames,
            "decode_wait_seconds": round(self.decode, 3),
            "network_seconds": round(self.network, 3),
            "write_wait_seconds": round(self.write, 3),
            "frames_per_second": round(self.frames / seconds, 3) if seconds else None,
            "network_p50_ms": _quantile(sorted_ms, 0.5),
            "network_p95_ms": _quantile(sorted_ms, 0.95),
        }


@dataclass(frozen=True)
class Prediction:
    """Class ids and their probability for one frame.

    Attributes:
        index: Place of the frame in its clip.
        frame: (H, W, 3) RGB.
        labels: (H, W) uint8 ids.
        confidence: (H, W) uint8, probability of the predicted class times 255, rounded.
    """

    index: int
    frame: Array8
    labels: Array8
    confidence: Array8


def predict_frames(
    network: FrameNetwork,
    reader: FrameReader,
    clip: Clip,
    indices: Sequence[int],
    *,
    scales: Sequence[float],
    flip: bool,
    batch: int,
    times: StageTimes,
) -> Iterator[Prediction]:
    """Predict frames of a clip in order, the next ones being decoded meanwhile.

    Args:
        network: The network.
        reader: Reads the frames.
        clip: The clip.
        indices: Which frames, rising.
        scales: Factors of the test-time augmentation; (1.0,) for none.
        flip: Average with the mirrored frame.
        batch: Frames in a forward pass.
        times: Is added to.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        pending: deque[Future[Array8]] = deque()
        to_come = iter(indices)
        waiting: list[tuple[int, Array8]] = []
        for index in indices:
            while len(pending) < _DECODED_AHEAD and (ahead := next(to_come, None)) is not None:
                pending.append(pool.submit(reader.read, clip, ahead))
            started = time.perf_counter()
            waiting.append((index, pending.popleft().result()))
            times.decode += time.perf_counter() - started
            if len(waiting) == batch or index == indices[-1]:
                yield from _forward(network, waiting, scales=scales, flip=flip, times=times)
                waiting = []


def unfinished(indices: Sequence[int], *, batch: int, is_done: Callable[[int], bool]) -> list[int]:
    """Return the frames still to predict, in whole batches, cut as if nothing were done.

    Rounding may depend on the frames of a forward pass: cut otherwise, a resumed run could
    differ in a bit from one that was never stopped.
    """
    groups = (indices[first : first + batch] for first in range(0, len(indices), batch))
    return [index for group in groups if not all(map(is_done, group)) for index in group]


@torch.inference_mode()
def average_probabilities(
    network: FrameNetwork, frames: Sequence[Array8], *, scales: Sequence[float], flip: bool
) -> torch.Tensor:
    """Average class probabilities over scales and mirror images.

    Returns:
        (B, C, H, W) float32.
    """
    mirrors = (False, True) if flip else (False,)
    total: torch.Tensor | None = None
    for scale in scales:
        for mirrored in mirrors:
            part = network.probabilities(frames, scale=scale, mirrored=mirrored)
            total = part if total is None else total.add_(part)
    assert total is not None
    return total.div_(len(scales) * len(mirrors))


def _forward(
    network: FrameNetwork,
    waiting: list[tuple[int, Array8]],
    *,
    scales: Sequence[float],
    flip: bool,
    times: StageTimes,
) -> Iterator[Prediction]:
    frames = [frame for _, frame in waiting]
    if any(frame.shape != frames[0].shape for frame in frames):
        raise InputError(
            f"frames of one clip differ in size: {sorted({frame.shape[:2] for frame in frames})}"
        )
    started = time.perf_counter()
    with torch.inference_mode():
        mean = average_probabilities(network, frames, scales=scales, flip=flip)
        confidence, labels = mean.max(dim=1)
        ids = labels.to(torch.uint8).cpu().numpy()
        shares = confidence.mul(255).round_().to(torch.uint8).cpu().numpy()
    seconds = time.perf_counter() - started
    times.network += seconds
    times.frames += len(frames)
    times.network_ms.append(1000 * seconds / len(frames))
    for place, (index, frame) in enumerate(waiting):
        yield Prediction(index, frame, ids[place], shares[place])


class WriteBehind:
    """Runs writes in threads; holds a bounded number, and raises their errors.

    Args:
        workers: Threads.
        times: Is added to.
    """

    def __init__(self, workers: int, times: StageTimes) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="write")
        self._pending: deque[Future[None]] = deque()
        self._times = times

    def submit(self, write: Callable[[], None]) -> None:
        """Queue a write, waiting for the oldest when too many are queued."""
        self._pending.append(self._pool.submit(write))
        started = time.perf_counter()
        while len(self._pending) > _WRITES_PENDING:
            self._pending.popleft().result()
        self._times.write += time.perf_counter() - started

    def drain(self) -> None:
        """Wait for all writes."""
        started = time.perf_counter()
        while self._pending:
            self._pending.popleft().result()
        self._times.write += time.perf_counter() - started

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        if error is None:
            self.drain()


def _quantile(sorted_values: list[float], share: float) -> float | None:
    if not sorted_values:
        return None
    return round(sorted_values[min(int(share * len(sorted_values)), len(sorted_values) - 1)], 3)
