"""A network on whole frames: scale in, logits or probabilities at full resolution out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import nn

from vstc.errors import SetupError
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
        self.model = place(model.eval(), device)
        self.device = device
        self.input_scale = input_scale

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
        height, width = frames[0].shape[:2]
        factor = self.input_scale * scale
        resized = [_resize(frame, factor) for frame in frames]
        images = torch.from_numpy(np.stack(resized)).to(self.device).permute(0, 3, 1, 2)
        if mirrored:
            images = images.flip(3)
        inner = (images.shape[2], images.shape[3])
        padded = pad_to_grid(images.float(), self.model.size_rule)
        padded = padded.contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            output = self.model(padded)
        logits = upsample_logits(output.logits.float(), (padded.shape[2], padded.shape[3]))
        logits = logits[:, :, : inner[0], : inner[1]]
        if mirrored:
            logits = logits.flip(3)
        if inner != (height, width):
            logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        return logits

    def labels(self, frames: Sequence[Array8]) -> Array8:
        """Predict class ids, (B, H, W) uint8."""
        return self.logits(frames).argmax(dim=1).to(torch.uint8).cpu().numpy()


def _resize(frame: Array8, factor: float) -> Array8:
    if factor == 1.0:
        return frame
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    size = (max(round(frame.shape[1] * factor), 1), max(round(frame.shape[0] * factor), 1))
    return np.asarray(cv2.resize(frame, size, interpolation=interpolation), np.uint8)
