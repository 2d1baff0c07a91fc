"""How long calls take: warmed up, and never before the device has finished."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Repeats:
    """How often something is called.

    Attributes:
        warm_up_calls: Calls before the first that counts, at least.
        warm_up_seconds: Time of these, at least.
        calls: Calls that count, at least.
        seconds: Time of these, at least.
    """

    warm_up_calls: int = 3
    warm_up_seconds: float = 0.5
    calls: int = 10
    seconds: float = 2.0


@dataclass(frozen=True)
class Latency:
    """Times of single calls, each waited for.

    Attributes:
        calls: How many were measured.
        fps: Frames of all calls over their time.
        mean_ms: Mean time of a call.
        p50_ms: Median.
        p95_ms: 95 % of the calls took no longer, interpolated.
    """

    calls: int
    fps: float
    mean_ms: float
    p50_ms: float
    p95_ms: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure_latency(
    call: Callable[[], object],
    *,
    frames: int,
    repeats: Repeats,
    wait: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """Time calls one by one.

    Args:
        call: What is timed.
        frames: Frames that one call works on.
        repeats: How often it is called.
        wait: Waits for the device; called before the clock starts and before it stops.
        clock: Gives seconds.
    """
    _time_calls(
        call, repeats.warm_up_calls, seconds=repeats.warm_up_seconds, wait=wait, clock=clock
    )
    times = _time_calls(call, repeats.calls, seconds=repeats.seconds, wait=wait, clock=clock)
    return summarize(times, frames=frames)


def summarize(seconds: Sequence[float], *, frames: int) -> Latency:
    """Turn the times of single calls, at least one, into figures."""
    ordered = sorted(seconds)
    return Latency(
        calls=len(ordered),
        fps=frames * len(ordered) / sum(ordered),
        mean_ms=1000 * statistics.fmean(ordered),
        p50_ms=1000 * _quantile(ordered, 0.5),
        p95_ms=1000 * _quantile(ordered, 0.95),
    )


def waiter(device: torch.device) -> Callable[[], None]:
    """Return what waits until a device has done all that was asked of it."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def _time_calls(
    call: Callable[[], object],
    calls: int,
    *,
    seconds: float,
    wait: Callable[[], None],
    clock: Callable[[], float],
) -> list[float]:
    times: list[float] = []
    while len(times) < calls or sum(times) < seconds:
        wait()
        started = clock()
        call()
        wait()
        times.append(clock() - started)
    return times


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
