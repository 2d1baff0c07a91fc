"""Processes that compute the stability measure; they import numpy, not torch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vstc.errors import SetupError
from vstc.metrics.stability.contour import bounding_box
from vstc.metrics.stability.stability import ShapeDescriptor, describe_mask, shape_distance

_Result = TypeVar("_Result")


class StabilityWorkers:
    """Describe and compare shapes in other processes, or in this one; the results are the same.

    A context manager. On leaving, work that has not begun is dropped. Nothing limits how much is
    handed in at once: wait for results from time to time.

    Args:
        num_workers: Processes; with 1 the work is done at once, in the calling process.

    Raises:
        SetupError: On leaving, if a process died.
    """

    def __init__(self, num_workers: int) -> None:
        if num_workers < 1:
            raise ValueError(f"num_workers is {num_workers}, not 1 or more")
        self._pool: ProcessPoolExecutor | None = None
        if num_workers > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(num_workers, context, initializer=_watch_parent)

    def __enter__(self) -> StabilityWorkers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise SetupError(
                "a worker process of the stability measure died",
                hint="use fewer workers: memory may have run out",
            ) from error

    def describe(self, mask: NDArray[np.bool_]) -> Future[ShapeDescriptor | None]:
        """Describe the shape of a mask (H, W), as `describe_mask` does."""
        box = bounding_box(mask)
        if box is None:
            return _done(None)
        if self._pool is None:
            return _done(describe_mask(mask))
        inside, origin = mask[box], (box[0].start, box[1].start)
        with _ctrl_c_held_back():
            return self._pool.submit(_describe_bits, np.packbits(inside), inside.shape, origin)

    def distance(self, first: ShapeDescriptor, second: ShapeDescriptor) -> Future[float]:
        """Compare two shapes, as `shape_distance` does."""
        if self._pool is None:
            return _done(shape_distance(first, second))
        with _ctrl_c_held_back():
            return self._pool.submit(shape_distance, first, second)


def _describe_bits(
    bits: NDArray[np.uint8], shape: tuple[int, int], origin: tuple[int, int]
) -> ShapeDescriptor | None:
    count = shape[0] * shape[1]
    mask = np.unpackbits(bits, count=count).view(np.bool_).reshape(shape)
    return describe_mask(mask, origin=origin)


def _done(value: _Result) -> Future[_Result]:
    future: Future[_Result] = Future()
    future.set_result(value)
    return future


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Start worker processes, which happens as work is handed in, so that they ignore Ctrl-C.

    They inherit what is blocked here, from their first moment on. The parent gets the signal.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch_parent() -> None:
    """Make this process end when its parent is gone, killed ones included."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
