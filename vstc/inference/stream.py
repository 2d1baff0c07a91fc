"""Frames through a network, one clip after the other: decoding ahead, writing behind."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.inference.frame_streams import FrameStream, StreamFrame
from vstc.inference.network import FrameNetwork
from vstc.inference.read_ahead import ReadAhead
from vstc.inference.results import FrameResult

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

    def wrote(self, *, wall: float, cpu: float) -> None:
        """Take note, in the writing thread, of the seconds that one write took there."""

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


def predict_frames(
    network: FrameNetwork,
    stream: FrameStream,
    *,
    scales: Sequence[float],
    flip: bool,
    batch: int,
    times: StageTimes,
    keep_probabilities: bool = False,
) -> Generator[FrameResult]:
    """Predict frames in order, the next ones being decoded meanwhile; closes the stream.

    Args:
        network: The network.
        stream: The frames.
        scales: Factors of the test-time augmentation; (1.0,) for none.
        flip: Average with the mirrored frame.
        batch: Frames in a forward pass.
        times: Is added to.
        keep_probabilities: Give those of all classes too.

    Raises:
        InputError: A frame cannot be read, or frames of one batch differ in size.
    """
    settings: dict[str, Any] = {"scales": scales, "flip": flip, "times": times}
    settings["keep_probabilities"] = keep_probabilities
    with ReadAhead(stream, depth=_DECODED_AHEAD) as frames:
        waiting: list[StreamFrame] = []
        started = time.perf_counter()
        for frame in frames:
            times.decode += time.perf_counter() - started
            waiting.append(frame)
            del frame
            if len(waiting) == batch:
                yield from _forward(network, waiting, **settings)
                waiting = []
            started = time.perf_counter()
        if waiting:
            yield from _forward(network, waiting, **settings)


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
    waiting: list[StreamFrame],
    *,
    scales: Sequence[float],
    flip: bool,
    times: StageTimes,
    keep_probabilities: bool,
) -> Iterator[FrameResult]:
    images = [frame.image for frame in waiting]
    if any(image.shape != images[0].shape for image in images):
        raise InputError(
            f"frames of one clip differ in size: {sorted({image.shape[:2] for image in images})}"
        )
    started = time.perf_counter()
    probabilities: NDArray[Any] | None = None
    with torch.inference_mode():
        mean = average_probabilities(network, images, scales=scales, flip=flip)
        confidence, labels = mean.max(dim=1)
        ids = labels.to(torch.uint8).cpu().numpy()
        shares = confidence.mul(255).round_().to(torch.uint8).cpu().numpy()
        if keep_probabilities:
            probabilities = mean.to(torch.float16).cpu().numpy()
    seconds = time.perf_counter() - started
    times.network += seconds
    times.frames += len(images)
    times.network_ms.append(1000 * seconds / len(images))
    for place, frame in enumerate(waiting):
        of_frame = None if probabilities is None else probabilities[place]
        yield FrameResult(frame.index, frame.name, frame.image, ids[place], shares[place], of_frame)


class WriteBehind:
    """Runs writes in threads; holds a bounded number, and raises their errors.

    Args:
        workers: Threads; one keeps the order.
        times: Is added to.
        most: How many writes may wait or run.
    """

    def __init__(self, workers: int, times: StageTimes, *, most: int = _WRITES_PENDING) -> None:
        self._most = most
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="write")
        self._pending: deque[Future[None]] = deque()
        self._times = times

    def submit(self, write: Callable[[], None]) -> None:
        """Queue a write, waiting for the oldest when too many are queued."""
        self._pending.append(self._pool.submit(self._run, write))
        started = time.perf_counter()
        while len(self._pending) > self._most:
            self._pending.popleft().result()
        self._times.write += time.perf_counter() - started

    def drain(self) -> None:
        """Wait for all writes."""
        started = time.perf_counter()
        while self._pending:
            self._pending.popleft().result()
        self._times.write += time.perf_counter() - started

    def settle(self) -> None:
        """Wait for all writes and pass over their errors: another one is being raised."""
        while self._pending:
            self._pending.popleft().exception()

    def _run(self, write: Callable[[], None]) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        write()
        self._times.wrote(wall=time.perf_counter() - wall, cpu=time.thread_time() - cpu)

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
