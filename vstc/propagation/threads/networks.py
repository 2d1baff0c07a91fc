"""One thread for all networks, and networks that run in it."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import torch

from vstc.propagation.carrying.maps import Size
from vstc.propagation.clock import Part, PartClock
from vstc.propagation.frames import PreparedFrame
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

    A call that somebody waits for goes before those that were queued for later: else a refiner
    would wait for the next key frame, and the chain with it.

    Args:
        threads: Threads that torch may use for a call on the processor.
        clock: Is added to.
    """

    def __init__(self, *, threads: int, clock: PartClock) -> None:
        self._clock = clock
        self._threads = threads
        self._tasks: queue.PriorityQueue[_Task] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._guard = threading.Lock()
        self._is_over = False
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    def submit(self, part: Part, function: Callable[[], Result]) -> Future[Result]:
        """Queue a call for later."""
        return self._queue(_LATER, part, function)

    def call(self, part: Part, function: Callable[[], Result]) -> Result:
        """Make a call, as soon as the one that runs is over, and wait for it."""
        return wait_for(self._queue(_NOW, part, function), self._clock)

    def shutdown(self) -> None:
        """Finish the call that runs and cancel the others."""
        with self._guard:
            self._is_over = True
        self._tasks.put(_Task(_END, next(self._numbers), Future(), lambda: None))
        self._thread.join()
        while not self._tasks.empty():
            self._tasks.get().future.cancel()

    def _queue(self, urgency: int, part: Part, function: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                with self._clock.part(part):
                    result = function()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._guard:
            if self._is_over:
                raise RuntimeError("the thread of the networks has ended")
            self._tasks.put(_Task(urgency, next(self._numbers), future, run))
        return future

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        while (task := self._tasks.get()).urgency != _END:
            task.run()
            del task  # its result must not stay while the next is awaited


_END, _NOW, _LATER = 0, 1, 2


@dataclass(frozen=True, order=True)
class _Task:
    """A call in line: the more urgent first, then the older."""

    urgency: int
    number: int
    future: Future[Any] = field(compare=False)
    run: Callable[[], None] = field(compare=False)


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
