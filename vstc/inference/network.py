"""A network on whole frames: scale in, logits or probabilities at full resolution out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import nn

from vstc.errors import SetupError
from vstc.inference.freed_memory import keep_freed_memory
from vstc.models.folding import fold_batch_norms
from vstc.models.resize import pad_to_grid, upsample_logits
from vstc.models.segmentation_model import SegmentationModel

Array8 = NDArray[np.uint8]
AnyModule = TypeVar("AnyModule", bound=nn.Module)


def pick_device(name: str) -> torch.device:
    """Turn ``--device`` into a device; ``auto`` prefers CUDA, then MPS, then the CPU.

    Raises:
        SetupError: The device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SetupError(f"no such device: {name}", hint="use auto, cpu, cuda or mps") from error
    is_there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not is_there.get(device.type, False):
        raise SetupError(f"device {name} is not available here", hint="use --device auto or cpu")
    return device


def autocast(device: torch.device, *, enabled: bool = True) -> AbstractContextManager[object]:
    """Compute in bfloat16 on a GPU; CPUs without such units would be 20 times slower."""
    if not enabled or device.type != "cuda":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def place(module: AnyModule, device: torch.device) -> AnyModule:
    """Move a network to a device, channels last (faster on CPU and GPU alike), and return it."""
    # The stubs of torch lack memory_format for modules.
    cast(Any, module).to(device=device, memory_format=torch.channels_last)
    return module


def upload(values: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Bring an array to a device; on a GPU the calling thread does not wait for the copy.

    The copy goes through pinned memory, which torch keeps until it is done, and takes its turn
    among the device's work.
    """
    tensor = torch.from_numpy(values)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True)
class NetworkInput:
    """Frames as a network takes them.

    Attributes:
        images: (B, 3, H', W') float32 on the device, RGB 0..255, sides that fit the grid.
        inner: Height and width before the sides were filled up.
        size: Height and width of the frames.
        is_mirrored: The images are mirrored, the logits are to be mirrored back.
    """

    images: torch.Tensor
    inner: tuple[int, int]
    size: tuple[int, int]
    is_mirrored: bool


class FrameNetwork:
    """Runs a segmentation network on frames of any size.

    Args:
        model: The network; it is put into evaluation mode on the device.
        device: Where to compute.
        input_scale: Factor between a frame and the network's input.
    """

    def __init__(
        self, model: SegmentationModel, *, device: torch.device, input_scale: float = 1.0
    ) -> None:
        if device.type == "cpu":
            keep_freed_memory()
        self.model = place(model.eval(), device)
        self.device = device
        self.input_scale = input_scale

    @classmethod
    def of_trained(
        cls, model: SegmentationModel, *, device: torch.device, input_scale: float = 1.0
    ) -> FrameNetwork:
        """Run a network that learns no more: faster, from a copy with its batch norms folded."""
        return cls(fold_batch_norms(model.eval()), device=device, input_scale=input_scale)

    @torch.inference_mode()
    def probabilities(
        self, frames: Sequence[Array8], *, scale: float = 1.0, mirrored: bool = False
    ) -> torch.Tensor:
        """Predict class probabilities at the size of the frames.

        Args:
            frames: (H, W, 3) RGB, all of one size.
            scale: Further factor on the input, for test-time augmentation.
            mirrored: Mirror the input and mirror the result back.

        Returns:
            (B, C, H, W) float32 on the device.
        """
        return self.logits(frames, scale=scale, mirrored=mirrored).softmax(dim=1)

    @torch.inference_mode()
    def logits(
        self, frames: Sequence[Array8], *, scale: float = 1.0, mirrored: bool = False
    ) -> torch.Tensor:
        """Predict logits at the size of the frames; arguments as ``probabilities``."""
        return self.run(self.prepare(frames, scale=scale, mirrored=mirrored))

    @torch.inference_mode()
    def prepare(
        self, frames: Sequence[Array8], *, scale: float = 1.0, mirrored: bool = False
    ) -> NetworkInput:
        """Bring frames to the device and to the network's size; arguments as ``probabilities``."""
        resized = [_resize(frame, self.input_scale * scale) for frame in frames]
        images = upload(np.stack(resized), self.device).permute(0, 3, 1, 2)
        if mirrored:
            images = images.flip(3)
        padded = pad_to_grid(images.float(), self.model.size_rule)
        return NetworkInput(
            padded.contiguous(memory_format=torch.channels_last),
            inner=(images.shape[2], images.shape[3]),
            size=(frames[0].shape[0], frames[0].shape[1]),
            is_mirrored=mirrored,
        )

    @torch.inference_mode()
    def run(self, prepared: NetworkInput) -> torch.Tensor:
        """Run the network: logits (B, C, H, W) float32 on the device, at the size of the frames."""
        with autocast(self.device):
            output = self.model(prepared.images)
        return self.at_frame_size(output.logits, prepared)

    @torch.inference_mode()
    def at_frame_size(self, logits: torch.Tensor, prepared: NetworkInput) -> torch.Tensor:
        """Bring logits on the network's grid to the size of the frames, (B, C, H, W) float32."""
        padded, inner = prepared.images, prepared.inner
        logits = logits.float()
        if logits.shape[2:] != padded.shape[2:]:
            logits = upsample_logits(logits, (padded.shape[2], padded.shape[3]))
        logits = logits[:, :, : inner[0], : inner[1]]
        if prepared.is_mirrored:
            logits = logits.flip(3)
        if inner != prepared.size:
            logits = F.interpolate(logits, prepared.size, mode="bilinear", align_corners=False)
        return logits

    def labels(self, frames: Sequence[Array8]) -> Array8:
        """Predict class ids, (B, H, W) uint8."""
        return self.run_labels(self.prepare(frames)).cpu().numpy()

    @torch.inference_mode()
    def run_labels(self, prepared: NetworkInput) -> torch.Tensor:
        """Run the network: class ids (B, H, W) uint8 on the device, at the size of the frames."""
        return self.run(prepared).argmax(dim=1).to(torch.uint8)


def _resize(frame: Array8, factor: float) -> Array8:
    if factor == 1.0:
        return frame
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    size = (max(round(frame.shape[1] * factor), 1), max(round(frame.shape[0] * factor), 1))
    return np.asarray(cv2.resize(frame, size, interpolation=interpolation), np.uint8)
