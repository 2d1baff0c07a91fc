"""The largest memory that some work needs, on a GPU or in this process."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

ALLOCATED = "largest sum of tensors on the device, weights included"
GROWTH = "growth of the process's resident memory, weights not included"


@dataclass
class PeakMemory:
    """What was measured.

    Attributes:
        num_bytes: The peak; None before the work ends, and on devices that tell none.
        what: What the bytes stand for; None likewise.
    """

    num_bytes: int | None = None
    what: str | None = None


@contextmanager
def peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """Measure the peak of the work inside the ``with`` block.

    Args:
        device: Where the work is done. On CUDA the allocator's peak is read, on the CPU that of
            resident memory: the first call of its kind, since memory that was freed may stay.

    Yields:
        Is filled when the block ends.
    """
    peak = PeakMemory()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        torch.cuda.synchronize(device)
        peak.num_bytes, peak.what = torch.cuda.max_memory_allocated(device), ALLOCATED
    elif device.type == "cpu":
        before = reset_peak_resident()
        yield peak
        peak.num_bytes, peak.what = max(peak_resident_bytes() - before, 0), GROWTH
    else:
        yield peak


def peak_resident_bytes() -> int:
    """Return the largest resident size of this process so far, or since the last reset."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak_resident() -> int:
    """Start a new peak where the system allows it; return the level to subtract."""
    gc.collect()
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        try:
            clear.write_text("5")
        except OSError:
            return peak_resident_bytes()
    return peak_resident_bytes()
