"""What propagation asks of networks: key frames, refined frames, light frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.models.grids import Grid
from vstc.propagation.carrying.carry import Labels, one_hot, resize_ids
from vstc.propagation.carrying.inconsistency import Attention
from vstc.propagation.carrying.maps import Size
from vstc.propagation.frames import PreparedFrame

VOID = 255


@dataclass(frozen=True)
class Feature:
    """An inner map of a network.

    Attributes:
        values: (1, C, h, w).
        grid: Where its cells lie in the frame.
        frame_size: Height and width of the frame.
    """

    values: torch.Tensor
    grid: Grid
    frame_size: Size


@dataclass(frozen=True)
class KeyRequest:
    """What is wanted of a key frame beside its labels.

    Attributes:
        carry_size: Height and width of what is carried.
        probabilities: Class probabilities at that size.
        feature: The inner map.
    """

    carry_size: Size
    probabilities: bool
    feature: bool


@dataclass(frozen=True)
class KeyResult:
    """The result of a key frame.

    Attributes:
        labels: Ids at the size of the frame, (H, W).
        small_labels: Ids at the size of what is carried, (h, w).
        probabilities: (1, K, h, w) float32 on the network's device, channels as ``channel_ids``;
            None if not wanted.
        feature: None if not wanted.
    """

    labels: Labels
    small_labels: Labels
    probabilities: torch.Tensor | None
    feature: Feature | None


class KeyNetwork(Protocol):
    """Segments key frames. One thread calls it at a time.

    Attributes:
        channel_ids: Label id of each channel of its probabilities, (K,) uint8.
    """

    channel_ids: NDArray[np.uint8]

    def has_result(self, index: int) -> bool:
        """Tell whether a frame can be a key frame; safe from any thread."""

    def segment(self, frame: PreparedFrame, request: KeyRequest) -> KeyResult:
        """Segment a frame.

        Raises:
            InputError: There is no result for this frame.
        """


class HeadNetwork(Protocol):
    """A key network whose last layers can run on a carried feature."""

    def classify(self, feature: Feature, size: Size) -> torch.Tensor:
        """Return the logits (1, K, h, w) of a feature, at a size that shares the frame's area."""


class LightNetwork(Protocol):
    """A cheap network that sees every frame, with the channels of the key network."""

    def scores(self, frame: PreparedFrame, size: Size) -> torch.Tensor:
        """Return logits (1, K, h, w) at a size that shares the frame's area."""


@dataclass(frozen=True)
class RefinerInput:
    """What a refiner sees.

    Attributes:
        frame: The current frame.
        probabilities: Carried to it, (1, K, h, w).
        attention: M, (h, w) in [0, 1], at the size of the probabilities.
        feature: The tapped map of the key frame, carried; None if not wanted.
        residual: Mean absolute difference of colour between the frame and the carried key
            frame, (h, w) in [0, 1]; None if not wanted.
    """

    frame: PreparedFrame
    probabilities: torch.Tensor
    attention: Attention
    feature: Feature | None
    residual: NDArray[np.float32] | None


class RefinerNetwork(Protocol):
    """Corrects carried probabilities.

    Attributes:
        takes_feature: It wants the feature.
        takes_residual: It wants the residual.
    """

    takes_feature: bool
    takes_residual: bool

    def refine(self, given: RefinerInput) -> torch.Tensor:
        """Return probabilities (1, K, h, w), at the size of those that are given."""


class LabelKeys:
    """Ready labels as a key network: true ones, or those of another program.

    Args:
        labels_of: Gives the ids of a frame by its place in the clip, (H, W); None without.
        num_classes: Ids from this on are void; where classes are mixed they become 255.

    Attributes:
        channel_ids: The classes, then void.
    """

    def __init__(self, labels_of: Callable[[int], Labels | None], *, num_classes: int) -> None:
        self._labels_of = labels_of
        self._num_classes = num_classes
        self.channel_ids = np.array([*range(num_classes), VOID], np.uint8)

    def has_result(self, index: int) -> bool:
        """Tell whether there are labels of a frame."""
        return self._labels_of(index) is not None

    def segment(self, frame: PreparedFrame, request: KeyRequest) -> KeyResult:
        """Look up the labels of a frame.

        Raises:
            InputError: There are none, or they are of another size.
        """
        labels = self._labels_of(frame.index)
        if labels is None:
            raise InputError(f"frame {frame.index} is to be a key frame and has no labels")
        if labels.shape != frame.size:
            raise InputError(
                f"frame {frame.index} has {frame.size[0]} x {frame.size[1]} pixels, its labels "
                f"{labels.shape[0]} x {labels.shape[1]}"
            )
        if request.feature:
            raise InputError("labels have no inner features to carry", hint="--set mode=labels")
        shares = None
        if request.probabilities:
            shares = one_hot(labels, num_classes=self._num_classes, size=request.carry_size)
        return KeyResult(labels, resize_ids(labels, request.carry_size), shares, None)
