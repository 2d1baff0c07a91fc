"""Measure Tsb of one pair of frames: two outlines per class, and a distance between them.

It runs in a process of its own that starts the workers itself, so that the memory measured is
that of this work alone.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.bench.cost import peak_bytes, running_cpu_seconds
from vstc.bench.label_scenes import LARGE_CLASSES, NUM_CLASSES, make_label_maps
from vstc.metrics.stability.stability import ShapeDescriptor
from vstc.metrics.stability.workers import StabilityWorkers

Shapes = dict[int, ShapeDescriptor]


@dataclass(frozen=True)
class StabilityPair:
    """What one pair of frames costs; workers are started and warm.

    Attributes:
        workers: Processes; 1 is the calling process alone.
        classes: Classes that have an outline in both frames.
        large_points: Points on the outlines of the large regions, the fewest and the most.
        wall_seconds: Both frames described, and all classes compared; median of the repeats.
        cpu_seconds: The same in processor time of all processes; None where it is not known.
        describe_share: Share of the wall time that went into describing. In a clip each frame is
            described once, which saves half of it.
        peak_bytes: Largest resident sizes of all processes, added up; None where not known.
        tsb: Mean over the classes.
    """

    workers: int
    classes: int
    large_points: tuple[int, int]
    wall_seconds: float
    cpu_seconds: float | None
    describe_share: float
    peak_bytes: int | None
    tsb: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure_stability_pair(
    size: tuple[int, int], *, workers: int, repeats: int = 3
) -> StabilityPair:
    """Measure a pair of made-up label maps in a fresh process.

    Args:
        size: Height and width.
        workers: Processes that compare shapes.
        repeats: Timed runs.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measure, size, workers, repeats).result()


def _measure(size: tuple[int, int], workers: int, repeats: int) -> StabilityPair:
    first, second = make_label_maps(size, 2)
    runs = []
    with StabilityWorkers(workers) as pool:
        _warm_up(pool, workers)
        pids = [os.getpid(), *(child.pid or 0 for child in multiprocessing.active_children())]
        cpu = _total_cpu(pids)
        for _ in range(repeats):
            runs.append(_run(pool, first, second))
        done = _total_cpu(pids)
        peaks = [peak_bytes(pid) for pid in pids]
    shapes, distances, _, _ = runs[-1]
    large = [len(shapes[k].points) for k in LARGE_CLASSES if k in shapes]
    known = [peak for peak in peaks if peak is not None]
    return StabilityPair(
        workers=workers,
        classes=len(distances),
        large_points=(min(large), max(large)),
        wall_seconds=statistics.median(whole for *_, whole in runs),
        cpu_seconds=None if cpu is None or done is None else (done - cpu) / repeats,
        describe_share=statistics.median(described / whole for *_, described, whole in runs),
        peak_bytes=sum(known) if len(known) == len(peaks) else None,
        tsb=statistics.fmean(distances.values()),
    )


def _run(
    pool: StabilityWorkers, first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[Shapes, dict[int, float], float, float]:
    """Return the shapes of the second frame, distances by class, and seconds so far and in all."""
    start = time.perf_counter()
    pending = [_describe(pool, labels) for labels in (first, second)]
    before, after = ({k: s for k, f in part.items() if (s := f.result())} for part in pending)
    described = time.perf_counter() - start
    shared = sorted(before.keys() & after.keys(), key=lambda k: -len(before[k].points))
    # The largest first: a small one at the end keeps no worker waiting for long.
    distances = {k: pool.distance(before[k], after[k]) for k in shared}
    values = {k: future.result() for k, future in distances.items()}
    return after, values, described, time.perf_counter() - start


def _describe(
    pool: StabilityWorkers, labels: NDArray[np.uint8]
) -> dict[int, Future[ShapeDescriptor | None]]:
    present = np.flatnonzero(np.bincount(labels.reshape(-1), minlength=256)[:NUM_CLASSES])
    return {int(k): pool.describe(labels == k) for k in present}


def _warm_up(pool: StabilityWorkers, workers: int) -> None:
    """Let every worker start and import what it needs."""
    small = make_label_maps((128, 256), 2)
    for _ in range(2 * workers):
        _run(pool, *small)


def _total_cpu(pids: list[int]) -> float | None:
    seconds = [running_cpu_seconds(pid) for pid in pids]
    known = [value for value in seconds if value is not None]
    return sum(known) if len(known) == len(seconds) else None
