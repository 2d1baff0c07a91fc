"""OpenCV's DIS flow (Kroeger et al. 2016), called in the only way that is safe and repeatable.

What goes wrong otherwise, with OpenCV 4.12 and 5.0: a flow array given as third argument is also
the starting point; that start stays in the object for later calls and crashes on larger images;
``collectGarbage`` before ``calc`` crashes; two threads in one object corrupt the heap; a small
image lowers the object's finest scale for good; column views fail an assertion. Hence one object
per thread, image size and settings, made when first needed, and never an output array.

When the pyramid of a small image ends below the finest scale, OpenCV picks other scales from the
width alone, keeps them (so the second call differs from the first), and reads outside of memory
on wide images such as 13 x 40. Here the finest scale is lowered before OpenCV sees the image.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from vstc.config import Settings
from vstc.errors import InputError

SMALLEST_SIDE = 12
_KEPT_OBJECTS = 4


class DisSettings(Settings):
    """Parameters of DIS; the defaults are those of OpenCV's ULTRAFAST preset.

    These are the setting of EVS (Paul et al. 2020: theta_f 2, theta_ps 8, theta_it 12, no
    variational refinement).

    Attributes:
        finest_scale: Finest pyramid level computed, 0 is full size; above it the flow is
            enlarged bilinearly.
        patch_size: Side of a patch in pixels.
        patch_stride: Step between patches; at most the patch size.
        iterations: Gradient descent steps per patch.
        refinement_iterations: Steps of variational refinement; 0 is none.
        refinement_alpha: Weight of smoothness in the refinement.
        refinement_gamma: Weight of gradient constancy in the refinement.
        refinement_delta: Weight of colour constancy in the refinement.
        mean_normalization: Subtract the mean of each patch.
        spatial_propagation: Let patches try the flow of their neighbours.
    """

    finest_scale: int = Field(2, ge=0, le=10)
    patch_size: int = Field(8, ge=4, le=64)
    patch_stride: int = Field(4, ge=1)
    iterations: int = Field(12, ge=1)
    refinement_iterations: int = Field(0, ge=0)
    refinement_alpha: float = Field(20.0, ge=0)
    refinement_gamma: float = Field(10.0, ge=0)
    refinement_delta: float = Field(5.0, ge=0)
    mean_normalization: bool = True
    spatial_propagation: bool = True

    @model_validator(mode="after")
    def _stride_fits(self) -> Self:
        if self.patch_stride > self.patch_size:
            raise ValueError(
                f"patch_stride {self.patch_stride} is larger than patch_size {self.patch_size}"
            )
        return self


class DisWorker:
    """Computes DIS flow; may be shared by threads, each of which gets its own OpenCV objects.

    Args:
        settings: The parameters.
    """

    def __init__(self, settings: DisSettings) -> None:
        self._settings = settings
        self._local = threading.local()

    def flow(
        self, target_gray: NDArray[np.uint8], source_gray: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Compute the flow from target to source.

        Args:
            target_gray: (H, W), the frame on whose grid the flow is defined.
            source_gray: (H, W), the frame to sample: source at grid + flow gives target.

        Returns:
            (H, W, 2) float32, (x, y) in pixels. ``flow(next, prev)`` is flow_next_to_prev.

        Raises:
            InputError: The frames differ in size or a side is below 12 pixels.
        """
        check_pair(target_gray, source_gray)
        method = self._object(target_gray.shape)
        target, source = np.ascontiguousarray(target_gray), np.ascontiguousarray(source_gray)
        # The third argument stays None: a buffer would also be taken as the starting point.
        return np.asarray(method.calc(target, source, None), np.float32)

    def _object(self, shape: tuple[int, ...]) -> Any:
        objects: OrderedDict[tuple[int, ...], Any]
        objects = self._local.__dict__.setdefault("objects", OrderedDict())
        if shape not in objects:
            objects[shape] = _make(self._settings, coarsest_scale(shape, self._settings))
        objects.move_to_end(shape)
        if len(objects) > _KEPT_OBJECTS:
            objects.popitem(last=False)
        return objects[shape]


def coarsest_scale(shape: tuple[int, ...], settings: DisSettings) -> int:
    """Return the coarsest pyramid level that OpenCV will use; level n has 1 / 2^n of the size.

    Raises:
        InputError: The frame is too small for the patches.
    """
    patch, (short, long) = settings.patch_size, sorted(shape)
    # OpenCV's arithmetic to the letter; int() cuts towards zero as C does.
    by_motion = int(math.log(long / (4.0 * patch)) / math.log(2.0) + 0.5)
    if short < patch or by_motion < 0:
        raise InputError(
            f"frames of {shape[0]} x {shape[1]} pixels are too small for patches of {patch}",
            hint="--set params.patch_size=8",
        )
    return min(by_motion, int(math.log(short // patch) / math.log(2.0)))


def check_pair(target_gray: NDArray[np.uint8], source_gray: NDArray[np.uint8]) -> None:
    """Refuse frames that no flow can be computed of.

    Raises:
        InputError: The frames differ in size or a side is below 12 pixels.
        ValueError: They are not 8-bit grey.
    """
    for gray in (target_gray, source_gray):
        if gray.ndim != 2 or gray.dtype != np.uint8:
            raise ValueError(f"frames must be (H, W) uint8, not {gray.shape} {gray.dtype}")
    if target_gray.shape != source_gray.shape:
        raise InputError(
            f"frames of a pair differ in size: {target_gray.shape} and {source_gray.shape}"
        )
    if min(target_gray.shape) < SMALLEST_SIDE:
        raise InputError(
            f"frames of {target_gray.shape[0]} x {target_gray.shape[1]} pixels are too small for "
            f"optical flow: no side may be below {SMALLEST_SIDE}"
        )


def _make(settings: DisSettings, coarsest: int) -> Any:
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    finest = settings.finest_scale
    # Small images get two levels below the coarsest, which is also what OpenCV aims at.
    method.setFinestScale(finest if finest <= coarsest else max(coarsest - 2, 0))
    method.setPatchSize(settings.patch_size)
    method.setPatchStride(settings.patch_stride)
    method.setGradientDescentIterations(settings.iterations)
    method.setVariationalRefinementIterations(settings.refinement_iterations)
    method.setVariationalRefinementAlpha(settings.refinement_alpha)
    method.setVariationalRefinementGamma(settings.refinement_gamma)
    method.setVariationalRefinementDelta(settings.refinement_delta)
    method.setUseMeanNormalization(settings.mean_normalization)
    method.setUseSpatialPropagation(settings.spatial_propagation)
    return method
