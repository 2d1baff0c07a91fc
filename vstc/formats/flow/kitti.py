"""KITTI's flow PNG: 16-bit colour, R = 64 u + 32768, G = 64 v + 32768, B = 1 where known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.errors import InputError

_SCALE = 64
_OFFSET = 32768


@dataclass(frozen=True)
class SparseFlow:
    """Flow that is known at some pixels.

    Attributes:
        flow: (H, W, 2) float32, (x, y) in pixels; 0 where unknown.
        known: (H, W) bool.
    """

    flow: NDArray[np.float32]
    known: NDArray[np.bool_]


def read_kitti_flow(path: Path) -> SparseFlow:
    """Read a KITTI flow PNG; its flow goes from the first image to the second.

    Raises:
        InputError: Missing, damaged, or not a 16-bit colour PNG.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    # OpenCV fills the missing part of a PNG that was cut short with zeros: "unknown".
    if b"IEND" not in data[-64:]:
        raise InputError(f"flow file is truncated or not a PNG: {path}")
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if bgr is None or bgr.dtype != np.uint16 or bgr.ndim != 3 or bgr.shape[2] != 3:
        raise InputError(f"{path} is not a KITTI flow file: 16-bit PNG with 3 channels")
    known = bgr[:, :, 0] != 0
    flow = (bgr[:, :, :0:-1].astype(np.float32) - _OFFSET) / np.float32(_SCALE)
    flow[~known] = 0
    return SparseFlow(flow=flow, known=known)


def write_kitti_flow(
    path: Path, flow: NDArray[np.float32], *, known: NDArray[np.bool_] | None = None
) -> None:
    """Write a KITTI flow PNG, atomically.

    Args:
        path: The file.
        flow: (H, W, 2) in pixels, rounded to 1/64 px.
        known: (H, W); None says that all pixels are. Values beyond -512 .. 511.98 px do not fit
            into the format and are marked as unknown.
    """
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"flow must be (H, W, 2), not {flow.shape}")
    values = np.rint(flow.astype(np.float64) * _SCALE) + _OFFSET
    is_known = ((values >= 0) & (values <= 65535)).all(axis=2)
    if known is not None:
        is_known &= known
    values[~is_known] = 0
    bgr = np.dstack((is_known, values[:, :, 1], values[:, :, 0])).astype(np.uint16)
    done, data = cv2.imencode(".png", bgr)
    if not done:
        raise ValueError(f"PNG encoding failed for shape {bgr.shape}")
    atomic_write_bytes(path, data.tobytes())
