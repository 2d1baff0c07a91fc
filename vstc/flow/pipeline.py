"""The threads that compute flow: frames in, packed fields out, files written in order.

Threads do it, because OpenCV, zlib and the image decoders release the GIL. One pool takes
images to decode and pairs to compute and pack; the calling thread decodes videos (their frames
come in order) and writes results in a fixed order, so that files are the same whatever the
number of threads. What is in flight is bounded, so memory does not grow with the clip.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.flow.providers import FlowProvider, FlowWorker
from vstc.formats.dataset import Clip, VideoFrame
from vstc.formats.flow.hdf5 import (
    Compression,
    EncodedField,
    FlowDirection,
    FlowInfo,
    FlowWriter,
    encode_field,
    flow_path,
)


@dataclass(frozen=True)
class FlowPlan:
    """What to compute of each clip.

    Attributes:
        directions: Which flows; both by default.
        gaps: Distances between the frames of a pair.
        scale: Frames are shrunk by this first; vectors are in pixels of the shrunken grid.
        compression: What matters more, time or size.
        include_sparse: Take clips too whose frames lie far apart in time.
        workers: Threads; None is one per core.
    """

    directions: tuple[FlowDirection, ...] = tuple(FlowDirection)
    gaps: tuple[int, ...] = (1,)
    scale: float = 1.0
    compression: Compression = Compression.FAST
    include_sparse: bool = False
    workers: int | None = None

    def num_fields(self, clip: Clip) -> int:
        """Return how many flow fields a clip gets; 0 when it is left out."""
        if not (clip.is_consecutive or self.include_sparse):
            return 0
        pairs = sum(max(0, len(clip.frames) - gap) for gap in self.gaps)
        return pairs * len(self.directions)


@dataclass(frozen=True)
class StageSeconds:
    """Where the time went, summed over threads."""

    decode: float = 0.0
    flow: float = 0.0
    pack: float = 0.0
    write: float = 0.0


class FrameSource(Protocol):
    """Where frames come from: ``FrameReader``, or a clip in memory."""

    def read(self, clip: Clip, index: int) -> NDArray[np.uint8]:
        """Return a frame, (H, W, 3) RGB, from any thread."""

    def stream(self, clip: Clip) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames in order."""


@dataclass(frozen=True)
class _Packed:
    field: EncodedField
    source_size: tuple[int, int]


@dataclass(frozen=True)
class _Loaded:
    gray: NDArray[np.uint8]
    source_size: tuple[int, int]


@dataclass
class _Output:
    """The file of a clip: opened with its first field, closed with its last."""

    clip: Clip
    missing: int
    writer: FlowWriter | None = None


@dataclass
class _Clock:
    """Adds up the time of each stage over all threads."""

    totals: dict[str, float] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    def add(self, stage: str, started: float) -> None:
        seconds = time.perf_counter() - started
        with self.guard:
            self.totals[stage] = self.totals.get(stage, 0.0) + seconds

    def stages(self) -> StageSeconds:
        return StageSeconds(**self.totals)


class FlowPipeline:
    """Computes clips one after the other, without a pause between them.

    Args:
        source: Where frames come from.
        provider: The method.
        folder: Where the files go.
        plan: What to compute.
        on_fields: Told how many more flow fields are finished.

    Attributes:
        num_fields: Fields finished.
        size_bytes: Their size, packed.
        saturated: Values beyond +-511.98 px, which were clipped.
    """

    def __init__(
        self,
        source: FrameSource,
        provider: FlowProvider,
        *,
        folder: Path,
        plan: FlowPlan,
        on_fields: Callable[[int], None],
    ) -> None:
        self.num_fields = self.size_bytes = self.saturated = 0
        self._clock = _Clock()
        self._source = source
        self._provider = provider
        self._worker: FlowWorker = provider.make_worker()
        self._folder = folder
        self._plan = plan
        self._on_fields = on_fields
        self._num_workers = plan.workers or os.cpu_count() or 1
        # Enough for every worker to have its next task at hand; it is all that memory holds.
        self._most_in_flight = 2 * self._num_workers + 2 * len(plan.directions)
        self._in_flight: deque[tuple[_Output, FlowDirection, int, int, Future[_Packed]]] = deque()

    @property
    def stages(self) -> StageSeconds:
        """Where the time went."""
        return self._clock.stages()

    def run(self, clips: Sequence[Clip]) -> None:
        """Compute clips; each file appears when it is whole.

        Raises:
            InputError: A frame is unreadable, too small, or of another size than its neighbour.
            OutputError: The folder cannot be written or the disk is full.
        """
        pool = ThreadPoolExecutor(self._num_workers, thread_name_prefix="flow")
        try:
            for clip in clips:
                self._submit_clip(pool, clip)
            while self._in_flight:
                self._write_oldest()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            for output in {id(entry[0]): entry[0] for entry in self._in_flight}.values():
                if output.writer is not None:
                    output.writer.abort()
            raise
        pool.shutdown()

    def _submit_clip(self, pool: ThreadPoolExecutor, clip: Clip) -> None:
        output = _Output(clip, missing=self._plan.num_fields(clip))
        recent: deque[Future[_Loaded]] = deque(maxlen=max(self._plan.gaps) + 1)
        for index, loaded in enumerate(self._load(pool, clip)):
            recent.append(loaded)
            for gap in self._plan.gaps:
                if gap > index:
                    continue
                for direction in self._plan.directions:
                    prev, following = recent[-1 - gap], recent[-1]
                    task = pool.submit(
                        self._compute, clip, index - gap, gap, direction, prev, following
                    )
                    self._in_flight.append((output, direction, gap, index - gap, task))
            while len(self._in_flight) > self._most_in_flight:
                self._write_oldest()

    def _load(self, pool: ThreadPoolExecutor, clip: Clip) -> Iterator[Future[_Loaded]]:
        """Yield the grey frames of a clip: images decode in the pool, videos right here."""
        if not any(isinstance(frame, VideoFrame) for frame in clip.frames):
            for index in range(len(clip.frames)):
                yield pool.submit(self._decode, clip, index)
            return
        frames = self._source.stream(clip)
        while True:
            started = time.perf_counter()
            rgb = next(frames, None)
            if rgb is None:
                return
            done: Future[_Loaded] = Future()
            done.set_result(self._to_gray(rgb))
            self._clock.add("decode", started)
            yield done

    def _decode(self, clip: Clip, index: int) -> _Loaded:
        started = time.perf_counter()
        loaded = self._to_gray(self._source.read(clip, index))
        self._clock.add("decode", started)
        return loaded

    def _to_gray(self, rgb: NDArray[np.uint8]) -> _Loaded:
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        source_size = (rgb.shape[0], rgb.shape[1])
        if self._plan.scale != 1:
            height, width = (max(1, round(side * self._plan.scale)) for side in source_size)
            gray = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
        return _Loaded(np.asarray(gray, np.uint8), source_size)

    def _compute(
        self,
        clip: Clip,
        index: int,
        gap: int,
        direction: FlowDirection,
        prev: Future[_Loaded],
        following: Future[_Loaded],
    ) -> _Packed:
        # Frames were handed to the pool earlier, so waiting for them cannot lock up.
        frames = {index: prev.result(), index + gap: following.result()}
        target, source = (frames[i] for i in direction.frame_indices(index, gap=gap))
        started = time.perf_counter()
        try:
            flow = self._worker.flow(target.gray, source.gray)
        except InputError as error:
            names = clip.frame_names
            raise InputError(
                f"clip {clip.id}, frames {names[index]} and {names[index + gap]}: {error.message}",
                hint=error.hint,
            ) from error
        self._clock.add("flow", started)
        started = time.perf_counter()
        packed = encode_field(flow, compression=self._plan.compression)
        self._clock.add("pack", started)
        return _Packed(packed, target.source_size)

    def _write_oldest(self) -> None:
        output, direction, gap, index, task = self._in_flight[0]
        packed = task.result()
        started = time.perf_counter()
        if output.writer is None:
            output.writer = self._open(output.clip, packed)
        output.writer.write_encoded(index, packed.field, direction=direction, gap=gap)
        output.missing -= 1
        if output.missing == 0:
            output.writer.close()
        # Only now: an entry that fails must still be found by the clean-up.
        self._in_flight.popleft()
        self._clock.add("write", started)
        self.num_fields += 1
        self.size_bytes += packed.field.size_bytes
        self.saturated += packed.field.saturated
        self._on_fields(1)

    def _open(self, clip: Clip, packed: _Packed) -> FlowWriter:
        info = FlowInfo(
            frames=tuple(clip.frame_names),
            size=packed.field.size,
            source_size=packed.source_size,
            method=self._provider.name,
            params=self._provider.params,
            directions=self._plan.directions,
            # A gap as long as the clip has no pairs; it is left out rather than kept empty.
            gaps=tuple(gap for gap in self._plan.gaps if gap < len(clip.frames)),
        )
        return FlowWriter(flow_path(self._folder, clip.id), info)
