"""What a network costs at a stated size of frames: parameters, multiply-adds, time, memory."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vstc.inference.latency import Latency, Repeats, measure_latency, waiter
from vstc.inference.network import FrameNetwork, autocast
from vstc.inference.peak_memory import peak_memory
from vstc.models.description import describe_model
from vstc.models.multiply_adds import COUNTED

KIND = "vstc.efficiency"
SCHEMA_VERSION = 1
NETWORK = "network"
FRAME = "frame"
PARTS = {
    NETWORK: "images on the device to class ids at the size of the frames, on the device",
    FRAME: "RGB frames in memory to class ids in memory: resizing and transfers included",
}


@dataclass(frozen=True)
class Efficiency:
    """What was counted and measured.

    Attributes:
        model: Name in the catalog.
        num_classes: Its classes.
        size: Height and width of a frame.
        input_size: Height and width of the network's input.
        batch: Frames in a call.
        num_parameters: All parameters, the auxiliary head included.
        num_parameters_inference: Parameters without the auxiliary head.
        gmacs: Multiply-adds for one frame, in 10^9; see ``COUNTED``.
        latency: By part, a key of ``PARTS``.
        peak_memory_bytes: Peak of the first call of the network; None where it is not known.
        peak_memory_of: What these bytes are.
        device: Kind of device.
        device_name: Its name.
        dtype: Type of the network's values.
        threads: Threads of torch on the CPU.
    """

    model: str
    num_classes: int
    size: tuple[int, int]
    input_size: tuple[int, int]
    batch: int
    num_parameters: int
    num_parameters_inference: int
    gmacs: float
    latency: dict[str, Latency]
    peak_memory_bytes: int | None
    peak_memory_of: str | None
    device: str
    device_name: str
    dtype: str
    threads: int

    def as_json(self) -> dict[str, Any]:
        """Return the content of ``efficiency.json``."""
        values = asdict(self)
        values["latency"] = {
            part: latency.as_json() | {"of": PARTS[part]} for part, latency in self.latency.items()
        }
        return {
            "schema": KIND,
            "schema_version": SCHEMA_VERSION,
            **values,
            "size": list(self.size),
            "input_size": list(self.input_size),
            "gmacs_of": COUNTED,
            "memory_format": "channels_last",
            "torch": torch.__version__,
        }


def measure_efficiency(
    network: FrameNetwork,
    *,
    size: tuple[int, int],
    batch: int = 1,
    threads: int | None = None,
    repeats: Repeats | None = None,
    on_part: Callable[[str], None] = lambda _part: None,
) -> Efficiency:
    """Count and measure what a network costs.

    The network is measured as predictions use it. Frames are noise: no layer is quicker for
    easy frames.

    Args:
        network: The network on its device.
        size: Height and width of the frames.
        batch: Frames in a call.
        threads: Threads of torch on the CPU; None leaves them as they are.
        repeats: How often each part is called.
        on_part: Takes the name of each part before it is measured.
    """
    repeats = repeats or Repeats()
    wait = waiter(network.device)
    noise = np.random.default_rng(0).integers(0, 256, (batch, *size, 3), dtype=np.uint8)
    frames = list(noise)
    with _torch_threads(threads) as num_threads:
        prepared = network.prepare(frames)
        input_size = (prepared.images.shape[2], prepared.images.shape[3])
        with peak_memory(network.device) as peak:
            network.run_labels(prepared)
        calls: dict[str, Callable[[], object]] = {
            NETWORK: lambda: network.run_labels(prepared),
            FRAME: lambda: network.labels(frames),
        }
        latency: dict[str, Latency] = {}
        for part, call in calls.items():
            on_part(part)
            latency[part] = measure_latency(call, frames=batch, repeats=repeats, wait=wait)
    model = network.model
    described = describe_model(model.name, num_classes=model.num_classes, size=input_size)
    return Efficiency(
        model=model.name,
        num_classes=model.num_classes,
        size=size,
        input_size=input_size,
        batch=batch,
        num_parameters=described.num_parameters,
        num_parameters_inference=described.num_parameters_inference,
        gmacs=described.gmacs,
        latency=latency,
        peak_memory_bytes=peak.num_bytes,
        peak_memory_of=peak.what,
        device=network.device.type,
        device_name=device_name(network.device),
        dtype=_dtype(network.device),
        threads=num_threads,
    )


def device_name(device: torch.device) -> str:
    """Return what the maker calls a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _dtype(device: torch.device) -> str:
    with autocast(device):
        is_mixed = torch.is_autocast_enabled(device.type)
    if not is_mixed:
        return "float32"
    return f"{torch.get_autocast_dtype(device.type)} (autocast)".removeprefix("torch.")


@contextmanager
def _torch_threads(threads: int | None) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
