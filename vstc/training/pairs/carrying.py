"""Carry a key frame's result to a later frame, and read there what a refiner takes.

It is done by the code that propagates videos, so that a refiner is trained on what it will see.

Shapes: h x w what is carried, shared out over the area of the frame or crop.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vstc.propagation.carrying.inconsistency import StepMaps, attention
from vstc.propagation.carrying.maps import Size
from vstc.propagation.chain import read_background, read_content, start_chain, step_chain
from vstc.propagation.frames import scaled_size
from vstc.propagation.networks import Feature, KeyResult
from vstc.propagation.settings import Carry, PropagateSettings

Array8 = NDArray[np.uint8]
Map32 = NDArray[np.float32]


@dataclass(frozen=True)
class Pictures:
    """The key frame and the current one, small, for the photometric residual."""

    key: Array8
    current: Array8

    @classmethod
    def of(cls, key: Array8, current: Array8, settings: PropagateSettings) -> Pictures:
        """Shrink two frames (H, W, 3) to the size of the maps."""
        size = scaled_size((key.shape[0], key.shape[1]), settings.map_scale)
        return cls(_shrunk(key, size), _shrunk(current, size))


@dataclass(frozen=True)
class CarriedResult:
    """What a refiner takes, at one frame.

    Attributes:
        probabilities: Carried class probabilities, (1, K, h, w).
        inconsistency: M, (h, w) in [0, 1].
        feature: The tapped map of the key frame, carried; None if there is none.
        residual: Mean absolute difference of colour, (h, w) in [0, 1]; None without pictures.
    """

    probabilities: torch.Tensor
    inconsistency: Map32
    feature: Feature | None
    residual: Map32 | None


def carry_result(
    result: KeyResult,
    steps: Iterable[StepMaps],
    *,
    frame_size: Size,
    pictures: Pictures | None,
    settings: PropagateSettings,
) -> CarriedResult:
    """Carry a key frame's result along the maps.

    Args:
        result: With probabilities, at the size of what is carried.
        steps: From each frame to the next, beginning at the key frame.
        frame_size: Height and width of frame or crop.
        pictures: For the residual; None without.
        settings: How results are propagated.
    """
    state = start_chain(
        0,
        result,
        map_size=scaled_size(frame_size, settings.map_scale),
        picture=None if pictures is None else pictures.key,
        settings=settings,
    )
    for index, maps in enumerate(steps, start=1):
        state = step_chain(state, index, maps, settings)
    warped = read_content(state.carried, settings.interpolation)
    behind = read_background(state.background, settings.interpolation)
    assert isinstance(warped, torch.Tensor)
    assert state.doubt is not None
    size = (warped.shape[-2], warped.shape[-1])
    iam = settings.iam
    weights = attention(state.doubt, radius=iam.radius, sigma=iam.sigma, max_age=iam.max_age)
    residual = None
    if pictures is not None and behind.picture is not None:
        difference = cv2.absdiff(pictures.current, behind.picture).mean(axis=2, dtype=np.float32)
        residual = _fitted(np.asarray(difference / 255, np.float32), size)
    return CarriedResult(warped, _fitted(weights, size), behind.feature, residual)


def carry_feature(
    result: KeyResult,
    steps: Iterable[StepMaps],
    *,
    frame_size: Size,
    settings: PropagateSettings,
) -> Feature:
    """Carry a key frame's feature alone along the maps; arguments as ``carry_result``."""
    # Labels stand for the result, which nobody reads.
    settings = settings.model_copy(update={"carry": Carry.LABELS})
    map_size = scaled_size(frame_size, settings.map_scale)
    state = start_chain(0, result, map_size=map_size, picture=None, settings=settings)
    for index, maps in enumerate(steps, start=1):
        state = step_chain(state, index, maps, settings)
    feature = read_background(state.background, settings.interpolation).feature
    assert feature is not None
    return feature


def _shrunk(rgb: Array8, size: Size) -> Array8:
    frame = np.ascontiguousarray(rgb)
    return np.asarray(cv2.resize(frame, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.uint8)


def _fitted(values: Map32, size: Size) -> Map32:
    if values.shape == size:
        return values
    resized = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)
