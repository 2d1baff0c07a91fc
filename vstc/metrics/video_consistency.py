"""Video consistency VC_n: where the truth stands still for n frames, does the prediction too.

Miao et al. 2021 (VSPW): |S and S'| / |S| for each window of n frames, with S the pixels whose
true label does not change within the window and S' those whose predicted label does not. The
score is the mean over all windows of all clips; n = 8 and 16 are usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.confusion import mean_of_known

Labels = NDArray[np.uint8]
LENGTHS = (8, 16)
RELEASED_MIN_FRAMES = 17
_LONGEST = 255


class WindowRule(StrEnum):
    """Which windows count.

    ``RELEASED`` is what the released scripts count, and so every table: the last window of a
    clip is missed, and clips of up to 16 frames are skipped for any n. ``ALL`` misses none.
    """

    RELEASED = "released"
    ALL = "all"


class VoidRule(StrEnum):
    """What void in the truth is: a label like any other (released scripts), or left out of S."""

    LABEL = "label"
    IGNORE = "ignore"


class Constancy(StrEnum):
    """What is asked of the prediction in S.

    ``SELF``: that it equals itself (released scripts), so a region that is wrong all the time
    scores 1. ``CORRECT``: that it equals the truth in every frame.
    """

    SELF = "self"
    CORRECT = "correct"


@dataclass(frozen=True)
class VideoConsistencyProtocol:
    """Choices behind a value of VC_n; the defaults are those of the released scripts."""

    windows: WindowRule = WindowRule.RELEASED
    void: VoidRule = VoidRule.LABEL
    constancy: Constancy = Constancy.SELF

    def as_json(self) -> dict[str, str]:
        """Return every choice as plain JSON values, for the record."""
        return {
            "windows": str(self.windows),
            "void": str(self.void),
            "constancy": str(self.constancy),
        }


@dataclass(frozen=True)
class WindowSum:
    """Values of windows in time order, added up.

    Attributes:
        total: Sum over all windows but the last.
        windows: How many of these had a value.
        last: Value of the last window; None when S was empty, or there is no window.
    """

    total: float = 0.0
    windows: int = 0
    last: float | None = None

    def followed_by(self, value: float | None) -> WindowSum:
        """Return the sum with one more window."""
        if self.last is None:
            return replace(self, last=value)
        return WindowSum(self.total + self.last, self.windows + 1, value)

    def read(self, rule: WindowRule) -> tuple[float, int]:
        """Return the sum of the values that count, and their number."""
        if rule is WindowRule.RELEASED or self.last is None:
            return self.total, self.windows
        return self.total + self.last, self.windows + 1


Choice = tuple[int, VoidRule, Constancy]


@dataclass
class ClipWindows:
    """What is counted of one clip: for all variants, in a few numbers.

    Attributes:
        num_frames: Frames of the clip.
        sums: Sum over its windows by length, rule for void and constancy.
    """

    num_frames: int = 0
    sums: dict[Choice, WindowSum] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        sums = {
            f"{length}/{void}/{constancy}": [entry.total, entry.windows, entry.last]
            for (length, void, constancy), entry in self.sums.items()
        }
        return {"frames": self.num_frames, "windows": sums}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> ClipWindows:
        """Read what ``as_json`` made."""
        clip = ClipWindows(value["frames"])
        for name, (total, windows, last) in value["windows"].items():
            length, void, constancy = name.split("/")
            key = (int(length), VoidRule(void), Constancy(constancy))
            clip.sums[key] = WindowSum(total, windows, last)
        return clip


class VideoConsistencyCounter:
    """Count the windows of one clip, frame by frame.

    How long every pixel has kept its label says whether the window that ends here is constant,
    so a frame costs the same for any n, and memory does not grow with the clip.

    Args:
        lengths: The n of the windows, 2 .. 255.
        void: True id of pixels without a class. A predicted 255 is a label like any other.

    Attributes:
        clip: What was counted.
    """

    def __init__(self, lengths: Sequence[int] = LENGTHS, *, void: int = 255) -> None:
        if not lengths or not all(2 <= length <= _LONGEST for length in lengths):
            raise ValueError(f"window lengths must be 2..{_LONGEST}, found {list(lengths)}")
        self.lengths = tuple(lengths)
        self.void = void
        self.clip = ClipWindows()
        for key in product(self.lengths, VoidRule, Constancy):
            self.clip.sums[key] = WindowSum()
        self._since_break = 0
        self._previous: tuple[Labels, Labels] | None = None
        self._runs = np.zeros((3, 0, 0), np.uint8)

    def update(self, true: Labels, predicted: Labels) -> None:
        """Count the next frame; the arrays are kept until the one after it.

        Args:
            true: True ids, (H, W).
            predicted: Predicted ids of the same shape.
        """
        if true.shape != predicted.shape or true.ndim != 2:
            raise ValueError(f"label maps differ in shape: {true.shape} and {predicted.shape}")
        self._count_runs(true, predicted)
        self.clip.num_frames += 1
        self._since_break += 1
        ended = [length for length in self.lengths if length <= self._since_break]
        if ended:
            self._count_windows(ended, is_void=true == self.void)

    def break_off(self) -> None:
        """Forget the frames so far: the next one does not follow them, no window joins them."""
        self._previous = None
        self._since_break = 0

    def _count_runs(self, true: Labels, predicted: Labels) -> None:
        """Bring up to date for how many frames true, predicted, right labels have held."""
        right = true == predicted
        if self._previous is None:
            self._runs = np.stack([np.ones_like(true), np.ones_like(true), right.view(np.uint8)])
        else:
            if self._previous[0].shape != true.shape:
                raise ValueError(f"frames differ in size: {self._previous[0].shape}, {true.shape}")
            for run, labels, before in zip(
                self._runs, (true, predicted), self._previous, strict=False
            ):
                run *= labels == before
            # Longer runs than the longest window need not be told apart.
            np.minimum(self._runs, max(self.lengths) - 1, out=self._runs)
            self._runs += 1
            self._runs[2] *= right
        self._previous = (true, predicted)

    def _count_windows(self, lengths: Sequence[int], *, is_void: NDArray[np.bool_]) -> None:
        """Count S and its parts in the windows that end with this frame."""
        still, self_still, right = self._runs
        parts = {
            None: still,
            Constancy.SELF: np.minimum(still, self_still),
            Constancy.CORRECT: np.minimum(still, right),
        }
        for void in VoidRule:
            if void is VoidRule.IGNORE:
                # A pixel of S is void in all frames of the window or in none.
                parts = {name: run * ~is_void for name, run in parts.items()}
            for length in lengths:
                counts = {name: int(np.count_nonzero(run >= length)) for name, run in parts.items()}
                for constancy in Constancy:
                    key = (length, void, constancy)
                    value = counts[constancy] / counts[None] if counts[None] else None
                    self.clip.sums[key] = self.clip.sums[key].followed_by(value)


@dataclass(frozen=True)
class VideoConsistencyScores:
    """VC_n of a data set, in [0, 1]; None where no window had a value.

    Attributes:
        vc: Mean over all windows of all clips, so long clips weigh more (the released scripts).
        per_clip: Mean over the windows of a clip, by clip id.
        n_windows: Windows that count: those in which S is not empty.
    """

    vc: float | None
    per_clip: Mapping[str, float | None]
    n_windows: int

    @property
    def vc_seq(self) -> float | None:
        """Mean over clips."""
        return mean_of_known(list(self.per_clip.values()))


_RELEASED = VideoConsistencyProtocol()


def video_consistency(
    clips: Mapping[str, ClipWindows],
    length: int,
    protocol: VideoConsistencyProtocol = _RELEASED,
) -> VideoConsistencyScores:
    """Read VC_n from what was counted.

    Args:
        clips: What was counted, by clip id.
        length: The n; the clips were counted with it.
        protocol: Which variant.
    """
    key = (length, protocol.void, protocol.constancy)
    total, n_windows = 0.0, 0
    per_clip: dict[str, float | None] = {}
    for name, clip in clips.items():
        clip_total, clip_windows = clip.sums[key].read(protocol.windows)
        is_short = clip.num_frames < RELEASED_MIN_FRAMES
        if protocol.windows is WindowRule.RELEASED and is_short:
            clip_total, clip_windows = 0.0, 0
        per_clip[name] = clip_total / clip_windows if clip_windows else None
        total += clip_total
        n_windows += clip_windows
    return VideoConsistencyScores(
        vc=total / n_windows if n_windows else None, per_clip=per_clip, n_windows=n_windows
    )
