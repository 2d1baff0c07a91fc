"""The engine's stages beside each other: what the sequential engine computes, sooner.

One thread reads frames and hands out work. A pool makes grey frames, flow and maps. One thread
runs the networks, beginning with a key frame as soon as it is foreseen. One thread runs the
chain (``Order``), for which the maps and the key frames are ready by then. A pool draws labels.
Results come out in order. All that waits anywhere is bounded, so memory does not grow with the
length of a video, and whatever ends a run, an error in any thread, Ctrl-C or a user who has
enough, ends all threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch

from vstc.flow.providers import one_opencv_thread
from vstc.inference.frame_streams import StreamFrame
from vstc.inference.read_ahead import ClosableSource, ReadAhead
from vstc.propagation.carrying.maps import Size
from vstc.propagation.clock import Part, PartClock
from vstc.propagation.engine import Propagated, draw
from vstc.propagation.frames import PreparedFrame, prepare_frame
from vstc.propagation.order import DecidedFrame, make_order
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks, Stages
from vstc.propagation.threads.forecast import Forecast
from vstc.propagation.threads.made_ahead import FutureFrame, KeysAhead, MapsAhead
from vstc.propagation.threads.networks import NetworkThread, run_networks_in
from vstc.propagation.threads.priority import let_networks_go_first

_MOST_WORKERS_COUNTED = 8


@dataclass(frozen=True)
class MissingFrame:
    """A frame that cannot be read.

    Attributes:
        index: Its place in the clip.
        name: Its name in the clip.
    """

    index: int
    name: str


AnyFrame = StreamFrame | MissingFrame


@dataclass(frozen=True)
class DrawnFrame:
    """A frame with its result.

    Attributes:
        frame: The frame.
        result: What was found.
        latency: Seconds from the frame's coming to its result.
    """

    frame: AnyFrame
    result: Propagated
    latency: float


class Pipeline:
    """Threads that propagate one clip after the other; a context manager.

    Args:
        settings: How results are propagated.
        workers: Threads that compute flow, and as many that draw.
        network_threads: Threads that torch may use for a network on the processor.
        clock: Is added to.
    """

    def __init__(
        self,
        settings: PropagateSettings,
        *,
        workers: int,
        network_threads: int = 1,
        clock: PartClock | None = None,
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._network_threads = network_threads
        self._clock = clock or PartClock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(one_opencv_thread())
        self._stack.callback(torch.set_num_threads, torch.get_num_threads())
        self._network = NetworkThread(threads=self._network_threads, clock=self._clock)
        self._stack.callback(self._network.shutdown)
        self._maps = self._open_pool("maps")
        self._drawing = self._open_pool("draw")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(self, frames: ClosableSource[AnyFrame], networks: Networks) -> Generator[DrawnFrame]:
        """Propagate one clip; closes the frames.

        Args:
            frames: The clip, places counted from 0.
            networks: With what; they are called from one thread, flow from many.

        Yields:
            Every frame, in order.

        Raises:
            ConfigError: A network is missing.
            InputError: A frame cannot be read, flow is missing, or there is no key frame to
                carry from. All frames before come first.
        """
        parts = _ClipParts.make(self, networks)
        ahead = self._settings.interval + 2 * min(self._workers, _MOST_WORKERS_COUNTED)
        feeder = _Feeder(frames, parts)
        chain = _Chain(feeder, parts, depth=ahead)
        with ReadAhead(chain, depth=2 * self._workers, name="chain") as drawn:
            for future in drawn:
                yield future.result()

    def _open_pool(self, name: str) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix=name, initializer=_begin_thread)
        self._stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        return pool


@dataclass(frozen=True)
class _ClipParts:
    """What the threads of one clip share."""

    settings: PropagateSettings
    clock: PartClock
    forecast: Forecast
    keys: KeysAhead
    maps: MapsAhead | None
    stages: Stages
    map_pool: ThreadPoolExecutor
    draw_pool: ThreadPoolExecutor

    @classmethod
    def make(cls, pipeline: Pipeline, networks: Networks) -> _ClipParts:
        settings, clock, thread = pipeline._settings, pipeline._clock, pipeline._network
        keys = KeysAhead(
            networks.key, thread, request=Stages(settings, networks).key_request, clock=clock
        )
        maps = None
        if settings.warp and networks.flows is not None:
            maps = MapsAhead(pipeline._maps, networks.flows, settings, clock)
        threaded = run_networks_in(thread, networks, keys)
        return cls(
            settings,
            clock,
            Forecast(settings, networks.key.has_result),
            keys,
            maps,
            Stages(settings, threaded, mapper=maps),
            pipeline._maps,
            pipeline._drawing,
        )

    def forget(self, index: int) -> None:
        """Drop what was made ahead for frames up to this one."""
        self.keys.forget(index)
        if self.maps is not None:
            self.maps.forget(index)

    def close(self) -> None:
        """Drop all that was made ahead."""
        self.keys.close()
        if self.maps is not None:
            self.maps.close()


@dataclass(frozen=True)
class _Fed:
    """A frame on its way to the chain.

    Attributes:
        frame: The frame.
        prepared: The frame with what is computed of it; None for one that cannot be read.
        came: When it was read.
    """

    frame: AnyFrame
    prepared: FutureFrame | None
    came: float


class _Feeder:
    """Reads frames and hands out the work that does not depend on the chain."""

    def __init__(self, frames: ClosableSource[AnyFrame], parts: _ClipParts) -> None:
        self._frames = frames
        self._parts = parts
        self._last: tuple[int, Size, FutureFrame] | None = None

    def __iter__(self) -> Iterator[_Fed]:
        let_networks_go_first()
        frames = iter(self._frames)
        while True:
            with self._parts.clock.part(Part.DECODE):
                frame = next(frames, None)
            if frame is None:
                return
            yield self._feed(frame)
            del frame

    def close(self) -> None:
        self._frames.close()

    def _feed(self, frame: AnyFrame) -> _Fed:
        came = time.perf_counter()
        if isinstance(frame, MissingFrame):
            return _Fed(frame, None, came)
        parts, index = self._parts, frame.index
        prepared = parts.map_pool.submit(self._prepare, frame)
        size = (frame.image.shape[0], frame.image.shape[1])
        last, self._last = self._last, (index, size, prepared)
        if parts.forecast.is_key(index):
            parts.keys.offer(index, prepared)
        if parts.maps is not None and last is not None and last[1] == size:
            parts.maps.offer(
                (last[0], last[2]),
                (index, prepared),
                forth=parts.forecast.goes_forth(index),
                back=parts.forecast.goes_back(last[0]),
            )
        return _Fed(frame, prepared, came)

    def _prepare(self, frame: StreamFrame) -> PreparedFrame:
        with self._parts.clock.part(Part.FLOW):
            return prepare_frame(
                frame.index, frame.image, self._parts.settings, vectors=frame.vectors
            )


class _Chain:
    """Takes frames as they come and hands decided ones to the drawing threads, in order."""

    def __init__(self, feeder: _Feeder, parts: _ClipParts, *, depth: int) -> None:
        self._feeder = feeder
        self._parts = parts
        self._depth = depth
        self._is_closed = threading.Event()
        self._undecided: dict[int, _Fed] = {}

    def __iter__(self) -> Iterator[Future[DrawnFrame]]:
        _begin_thread()
        order, clock = make_order(self._parts.stages), self._parts.clock
        try:
            with ReadAhead(self._feeder, depth=self._depth, name="reader") as items:
                for fed in items:
                    if self._is_closed.is_set():
                        return
                    self._undecided[fed.frame.index] = fed
                    with clock.part(Part.WAIT):
                        frame = None if fed.prepared is None else fed.prepared.result()
                    with clock.part(Part.WARP):
                        decided = order.take(fed.frame.index, frame)
                    del fed, frame
                    yield from self._draw_all(decided)
            if not self._is_closed.is_set():
                with clock.part(Part.WARP):
                    decided = order.finish()
                yield from self._draw_all(decided)
        finally:
            self._parts.close()

    def close(self) -> None:
        self._is_closed.set()
        self._feeder.close()

    def _draw_all(self, decided: list[DecidedFrame]) -> Iterator[Future[DrawnFrame]]:
        for one in decided:
            if one.index == one.key_index:
                self._parts.forecast.placed(one.index)
            fed = self._undecided.pop(one.index)
            yield self._parts.draw_pool.submit(self._draw, one, fed)
        if decided:
            self._parts.forget(decided[-1].index)

    def _draw(self, decided: DecidedFrame, fed: _Fed) -> DrawnFrame:
        with self._parts.clock.part(Part.DRAW):
            result = draw(self._parts.stages, decided)
        return DrawnFrame(fed.frame, result, time.perf_counter() - fed.came)


def _begin_thread() -> None:
    let_networks_go_first()
    torch.set_num_threads(1)  # for small tensors more threads only wait for each other
