"""One thread for all networks, and networks that run in it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

import torch

from vstc.propagation.clock import Part, PartClock
from vstc.propagation.frames import PreparedFrame
from vstc.propagation.maps import Size
from vstc.propagation.networks import (
    Feature,
    HeadNetwork,
    KeyNetwork,
    LightNetwork,
    RefinerInput,
    RefinerNetwork,
)
from vstc.propagation.stages import Networks

Result = TypeVar("Result")


class NetworkRunner(Protocol):
    """Runs networks, one call after the other."""

    def submit(self, part: Part, function: Callable[[], Result]) -> Future[Result]:
        """Queue a call."""

    def call(self, part: Part, function: Callable[[], Result]) -> Result:
        """Make a call and return its result."""


class SameThread:
    """Runs networks where they are called.

    Args:
        clock: Is added to.
    """

    def __init__(self, clock: PartClock) -> None:
        self._clock = clock

    def submit(self, part: Part, function: Callable[[], Result]) -> Future[Result]:
        """Make a call."""
        done: Future[Result] = Future()
        done.set_result(self.call(part, function))
        return done

    def call(self, part: Part, function: Callable[[], Result]) -> Result:
        """Make a call and return its result."""
        with self._clock.part(part):
            return function()


class NetworkThread:
    """One thread that runs all networks, one call after the other.

    Args:
        threads: Threads that torch may use for a call on the processor.
        clock: Is added to.
    """

    def __init__(self, *, threads: int, clock: PartClock) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(
            1, thread_name_prefix="network", initializer=torch.set_num_threads, initargs=(threads,)
        )

    def submit(self, part: Part, function: Callable[[], Result]) -> Future[Result]:
        """Queue a call."""
        return self._pool.submit(self._run, part, function)

    def call(self, part: Part, function: Callable[[], Result]) -> Result:
        """Queue a call and wait for it."""
        return wait_for(self.submit(part, function), self._clock)

    def shutdown(self) -> None:
        """Finish the call that runs and drop the others."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, part: Part, function: Callable[[], Result]) -> Result:
        with self._clock.part(part):
            return function()


class ThreadedRefiner:
    """A refiner in the networks' thread.

    Args:
        refiner: The refiner.
        thread: Runs it.
    """

    def __init__(self, refiner: RefinerNetwork, thread: NetworkRunner) -> None:
        self.takes_feature = refiner.takes_feature
        self.takes_residual = refiner.takes_residual
        self._refiner = refiner
        self._thread = thread

    def refine(self, given: RefinerInput) -> torch.Tensor:
        """Return probabilities."""
        return self._thread.call(Part.REFINER, lambda: self._refiner.refine(given))


class ThreadedHead:
    """A head in the networks' thread.

    Args:
        head: The head.
        thread: Runs it.
    """

    def __init__(self, head: HeadNetwork, thread: NetworkRunner) -> None:
        self._head = head
        self._thread = thread

    def classify(self, feature: Feature, size: Size) -> torch.Tensor:
        """Return logits."""
        return self._thread.call(Part.NETWORK, lambda: self._head.classify(feature, size))


class ThreadedLight:
    """A light network in the networks' thread.

    Args:
        light: The network.
        thread: Runs it.
    """

    def __init__(self, light: LightNetwork, thread: NetworkRunner) -> None:
        self._light = light
        self._thread = thread

    def scores(self, frame: PreparedFrame, size: Size) -> torch.Tensor:
        """Return logits."""
        return self._thread.call(Part.NETWORK, lambda: self._light.scores(frame, size))


def run_networks_in(thread: NetworkRunner, networks: Networks, keys: KeyNetwork) -> Networks:
    """Return networks that run in a thread.

    Args:
        thread: Runs them.
        networks: The networks.
        keys: The key network, which runs in that thread already.
    """
    refiner, head, light = networks.refiner, networks.head, networks.light
    return replace(
        networks,
        key=keys,
        refiner=None if refiner is None else ThreadedRefiner(refiner, thread),
        head=None if head is None else ThreadedHead(head, thread),
        light=None if light is None else ThreadedLight(light, thread),
    )


def wait_for(future: Future[Result], clock: PartClock) -> Result:
    """Wait for a result."""
    with clock.part(Part.WAIT):
        return future.result()
