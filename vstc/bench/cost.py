"""What a piece of work costs: wall time, and processor time of the processes that did it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds of some work.

    Attributes:
        wall_seconds: Time that passed; other work on the machine makes it longer.
        cpu_seconds: Processor time of this process and of those it started and saw end; trust it
            on a shared machine.
    """

    wall_seconds: float
    cpu_seconds: float

    def as_json(self) -> dict[str, float]:
        """Return plain JSON values."""
        return asdict(self)

    def times(self, factor: float) -> Cost:
        """Return the cost of so much more work."""
        return Cost(factor * self.wall_seconds, factor * self.cpu_seconds)


class Stopwatch:
    """Holds the cost of a ``with stopwatch() as watch`` block once it has ended."""

    cost: Cost = Cost(0.0, 0.0)


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure the block; processes count when they end within it."""
    watch = Stopwatch()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    yield watch
    watch.cost = Cost(time.perf_counter() - wall, _cpu_seconds() - cpu)


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Return the medians, each on its own."""
    return Cost(
        statistics.median(cost.wall_seconds for cost in costs),
        statistics.median(cost.cpu_seconds for cost in costs),
    )


def running_cpu_seconds(pid: int) -> float | None:
    """Return the processor time so far of a running process; None where it cannot be known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name of the program, in brackets, may hold spaces; user and system time are 14 and 15.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int | None:
    """Return the largest resident size so far of a running process; None where unknown."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _cpu_seconds() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system
