"""Maps and key frames that are made in other threads before the chain asks for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from vstc.propagation.carrying.inconsistency import StepMaps
from vstc.propagation.carrying.maps import Size
from vstc.propagation.clock import Part, PartClock
from vstc.propagation.frames import FlowSource, PreparedFrame, step_maps
from vstc.propagation.networks import KeyNetwork, KeyRequest, KeyResult
from vstc.propagation.settings import PropagateSettings, Warping
from vstc.propagation.threads.networks import NetworkRunner, wait_for

FutureFrame = Future[PreparedFrame]


class MapsAhead:
    """Maps of one clip, made in threads; a ``Mapper`` for the chain.

    Args:
        pool: Runs tasks in the order in which they come. A task waits for its frames, which must
            have been handed to the same pool before.
        flows: Where flow comes from.
        settings: The form of the maps.
        clock: Is added to.
    """

    def __init__(
        self, pool: Executor, flows: FlowSource, settings: PropagateSettings, clock: PartClock
    ) -> None:
        self._pool = pool
        self._flows = flows
        self._settings = settings
        self._clock = clock
        self._ready: dict[tuple[int, int], Future[StepMaps]] = {}
        self._guard = threading.Lock()
        # Then there and back are the maps of the other direction, in turn.
        self._turns = (
            settings.needs_doubt and settings.iam.flows == 2 and settings.warping is Warping.EXACT
        )

    def offer(
        self,
        earlier: tuple[int, FutureFrame],
        later: tuple[int, FutureFrame],
        *,
        forth: bool,
        back: bool,
    ) -> None:
        """Begin to make the maps between two neighbours of one size.

        Args:
            earlier: A frame's place, and the frame.
            later: The next frame that can be read.
            forth: Something may be carried to the later one.
            back: Something may be carried to the earlier one.
        """
        if forth or (back and self._turns):
            self._submit(later, earlier)
        if back and not self._turns:
            self._submit(earlier, later)

    def maps(self, target: PreparedFrame, source: PreparedFrame) -> StepMaps:
        """Return the maps from a frame to its neighbour; they are made now if need be."""
        with self._guard:
            ready = self._ready.get((target.index, source.index))
            turned = self._ready.get((source.index, target.index)) if self._turns else None
        if ready is not None:
            return wait_for(ready, self._clock)
        if turned is not None:
            maps = wait_for(turned, self._clock)
            assert maps.back is not None
            return StepMaps(maps.back, maps.there)
        with self._clock.part(Part.FLOW):
            return step_maps(self._flows, target, source, self._settings)

    def forget(self, index: int) -> None:
        """Drop all maps between frames up to this one."""
        with self._guard:
            old = [pair for pair in self._ready if max(pair) <= index]
            dropped = [self._ready.pop(pair) for pair in old]
        for future in dropped:
            future.cancel()

    def close(self) -> None:
        """Drop all maps."""
        with self._guard:
            dropped = list(self._ready.values())
            self._ready.clear()
        for future in dropped:
            future.cancel()

    def _submit(self, target: tuple[int, FutureFrame], source: tuple[int, FutureFrame]) -> None:
        future = self._pool.submit(self._make, target[1], source[1])
        with self._guard:
            self._ready[target[0], source[0]] = future

    def _make(self, target: FutureFrame, source: FutureFrame) -> StepMaps:
        frames = target.result(), source.result()
        with self._clock.part(Part.FLOW):
            return step_maps(self._flows, *frames, self._settings)


class KeysAhead:
    """A key network in the networks' thread, begun with a key frame before the chain is there.

    Args:
        keys: The network.
        thread: Runs it.
        request: Tells what is wanted of frames of a size.
        clock: Is added to.

    Attributes:
        channel_ids: Label id of each channel.
    """

    def __init__(
        self,
        keys: KeyNetwork,
        thread: NetworkRunner,
        *,
        request: Callable[[Size], KeyRequest],
        clock: PartClock,
    ) -> None:
        self.channel_ids: NDArray[np.uint8] = keys.channel_ids
        self._keys = keys
        self._thread = thread
        self._request = request
        self._clock = clock
        self._ready: dict[int, Future[KeyResult]] = {}
        self._guard = threading.Lock()

    def has_result(self, index: int) -> bool:
        """Tell whether a frame can be a key frame."""
        return self._keys.has_result(index)

    def offer(self, index: int, frame: FutureFrame) -> None:
        """Begin to segment a frame that will probably be a key frame."""

        def segment() -> KeyResult:
            with self._clock.part(Part.WAIT):
                prepared = frame.result()
            return self._keys.segment(prepared, self._request(prepared.size))

        future = self._thread.submit(Part.NETWORK, segment)
        with self._guard:
            self._ready[index] = future

    def segment(self, frame: PreparedFrame, request: KeyRequest) -> KeyResult:
        """Segment a frame, or wait until it is."""
        with self._guard:
            ready = self._ready.pop(frame.index, None)
        if ready is not None:
            return wait_for(ready, self._clock)
        return self._thread.call(Part.NETWORK, lambda: self._keys.segment(frame, request))

    def forget(self, index: int) -> None:
        """Drop what was begun for frames up to this one."""
        with self._guard:
            dropped = [self._ready.pop(old) for old in list(self._ready) if old <= index]
        for future in dropped:
            future.cancel()

    def close(self) -> None:
        """Drop everything."""
        with self._guard:
            dropped = list(self._ready.values())
            self._ready.clear()
        for future in dropped:
            future.cancel()
