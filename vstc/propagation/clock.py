"""How long each part of propagation takes, added up over all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum


class Part(StrEnum):
    """A part of the work.

    ``FLOW`` is all that the flow threads do: grey frames, flow fields and maps. ``NETWORK`` is
    the key network, heads and light networks. ``WARP`` is the chain: carrying, masks, schedule.
    ``WAIT`` is no work: the chain waits for maps or networks.
    """

    DECODE = "decode"
    FLOW = "flow"
    WARP = "warp"
    NETWORK = "network"
    REFINER = "refiner"
    DRAW = "draw"
    WRITE = "write"
    WAIT = "wait"


@dataclass
class PartTime:
    """What a part took.

    Attributes:
        wall: Seconds by the clock on the wall.
        cpu: Seconds of the processor.
        calls: How often it ran.
        seconds_of_call: Wall time of each call, where the clock keeps them.
    """

    wall: float = 0.0
    cpu: float = 0.0
    calls: int = 0
    seconds_of_call: list[float] = field(default_factory=list)


class PartClock:
    """Adds up times; any thread may use it. A part inside another counts for itself alone.

    Args:
        keeps_calls: Keep the time of every call, for the median of a short run.
        cpu_clock: Tells seconds of the processor. That of the thread leaves out the threads that
            a library has of its own, that of the process is right where only one part runs.
    """

    def __init__(
        self,
        *,
        keeps_calls: bool = False,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._keeps_calls = keeps_calls
        self._cpu_clock = cpu_clock
        self._guard = threading.Lock()
        self._totals = {part: PartTime() for part in Part}
        self._local = threading.local()

    def reset(self) -> None:
        """Forget what was added; parts that run now count when they end."""
        with self._guard:
            self._totals = {part: PartTime() for part in Part}

    @contextmanager
    def part(self, part: Part) -> Iterator[None]:
        """Time the body as a part."""
        outer: list[float] | None = getattr(self._local, "inner", None)
        self._local.inner = inner = [0.0, 0.0]
        wall, cpu = time.perf_counter(), self._cpu_clock()
        try:
            yield
        finally:
            spent = (time.perf_counter() - wall, self._cpu_clock() - cpu)
            self._local.inner = outer
            if outer is not None:
                outer[0] += spent[0]
                outer[1] += spent[1]
            self.add(part, wall=spent[0] - inner[0], cpu=spent[1] - inner[1])

    def add(self, part: Part, *, wall: float, cpu: float) -> None:
        """Add a call that was timed elsewhere, in seconds."""
        with self._guard:
            total = self._totals[part]
            total.wall += wall
            total.cpu += cpu
            total.calls += 1
            if self._keeps_calls:
                total.seconds_of_call.append(wall)

    def time_of(self, part: Part) -> PartTime:
        """Return what a part took so far."""
        with self._guard:
            total = self._totals[part]
            return PartTime(total.wall, total.cpu, total.calls, list(total.seconds_of_call))

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return wall and processor seconds and calls of all parts that ran."""
        return {
            str(part): {
                "seconds": round(total.wall, 3),
                "cpu_seconds": round(total.cpu, 3),
                "calls": total.calls,
            }
            for part, total in self._totals.items()
            if total.calls
        }
