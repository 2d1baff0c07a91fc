"""Flicker of predicted labels, without flow: how often they change, flip back, or change in area.

No measure of these is standard. A pixel counts in a step when it has a label in all frames that
the step looks at; a true label, where one is asked for, must not be void either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.metrics.confusion import kept_classes, mean_of_known

Labels = NDArray[np.uint8]
NO_LABEL = 255
_IDS = 256


@dataclass(frozen=True)
class FlickerStep:
    """Shares of pixels, in [0, 1], for one frame and those before it; None without a pixel.

    Attributes:
        change_rate: Pixels whose label is not that of the frame before.
        excess_change_rate: The same among pixels whose true label has not changed.
        aba_rate: Pixels whose label differs from that of the frame before, which in turn differs
            from the one before it, and is back at that: A-B-A.
    """

    change_rate: float | None = None
    excess_change_rate: float | None = None
    aba_rate: float | None = None


RATES = ("change_rate", "excess_change_rate", "aba_rate")


@dataclass
class FlickerCounts:
    """What is counted of one clip.

    Attributes:
        num_frames: Frames.
        num_pairs: Neighbouring frames that were compared.
        rates: By name in ``RATES``: the sum over steps, and the number of steps with a value.
        area: Pixels by class id, summed over frames, (K,) int64.
        area_change: |A_k(t+1) - A_k(t)| by class id, summed over pairs, (K,) int64.
    """

    area: NDArray[np.int64]
    area_change: NDArray[np.int64]
    num_frames: int = 0
    num_pairs: int = 0
    rates: dict[str, tuple[float, int]] = field(
        default_factory=lambda: dict.fromkeys(RATES, (0.0, 0))
    )

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "frames": self.num_frames,
            "pairs": self.num_pairs,
            "rates": {name: list(entry) for name, entry in self.rates.items()},
            "area": self.area.tolist(),
            "area_change": self.area_change.tolist(),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> FlickerCounts:
        """Read what ``as_json`` made."""
        return FlickerCounts(
            area=np.array(value["area"], np.int64),
            area_change=np.array(value["area_change"], np.int64),
            num_frames=value["frames"],
            num_pairs=value["pairs"],
            rates={name: (total, n) for name, (total, n) in value["rates"].items()},
        )

    def rate(self, name: str) -> float | None:
        """Return the mean over the steps of the clip."""
        total, n_steps = self.rates[name]
        return total / n_steps if n_steps else None

    def area_flicker(self) -> tuple[float | None, ...]:
        """Return mean_t |A_k(t+1) - A_k(t)| / mean_t A_k by class id.

        None for a class that is not there, and for all of them without a pair.
        """
        if not self.num_pairs:
            return (None,) * len(self.area)
        means = zip(self.area_change.tolist(), self.area.tolist(), strict=True)
        return tuple(
            (change / self.num_pairs) / (area / self.num_frames) if area else None
            for change, area in means
        )


class FlickerCounter:
    """Count the flicker of one clip, frame by frame.

    Args:
        num_classes: Ids 0 .. num_classes - 1 are classes, for the areas; for the other measures
            every id but 255 is a label.
        void: True id of pixels without a class.

    Attributes:
        clip: What was counted.
    """

    def __init__(self, num_classes: int, *, void: int = NO_LABEL) -> None:
        if not 0 < num_classes < _IDS:
            raise ValueError(f"num_classes must be 1..255, found {num_classes}")
        zeros = np.zeros(num_classes, np.int64)
        self.void = void
        self.clip = FlickerCounts(area=zeros, area_change=zeros.copy())
        # Of the last two frames, the later one first.
        self._predicted: list[Labels] = []
        self._true: Labels | None = None
        self._area: NDArray[np.int64] | None = None

    def update(self, predicted: Labels, true: Labels | None = None) -> FlickerStep:
        """Count the next frame; the arrays are kept until the second one after it.

        Args:
            predicted: Predicted ids, (H, W); 255 is "no label".
            true: True ids of the same shape, or None: no excess change rate then.

        Returns:
            The shares of this step.
        """
        for other in (true, *self._predicted):
            if other is not None and other.shape != predicted.shape:
                raise ValueError(f"label maps differ: {other.shape} and {predicted.shape}")
        step = self._step(predicted, true)
        for name in RATES:
            value = getattr(step, name)
            if value is not None:
                total, n_steps = self.clip.rates[name]
                self.clip.rates[name] = (total + value, n_steps + 1)
        self._count_area(predicted)
        self._predicted = [predicted, *self._predicted[:1]]
        self._true = true
        return step

    def break_off(self) -> None:
        """Forget the frames so far: the next one does not follow them."""
        self._predicted, self._true, self._area = [], None, None

    def _step(self, predicted: Labels, true: Labels | None) -> FlickerStep:
        if not self._predicted:
            return FlickerStep()
        before = self._predicted[0]
        has_label = (predicted != NO_LABEL) & (before != NO_LABEL)
        changes = predicted != before
        excess = aba = None
        if true is not None and self._true is not None:
            is_still = (true == self._true) & (true != self.void)
            excess = _share(changes, has_label & is_still)
        if len(self._predicted) == 2:
            first = self._predicted[1]
            aba = _share(changes & (predicted == first), has_label & (first != NO_LABEL))
        return FlickerStep(_share(changes, has_label), excess, aba)

    def _count_area(self, predicted: Labels) -> None:
        area = np.bincount(predicted.reshape(-1), minlength=_IDS)[: len(self.clip.area)]
        self.clip.num_frames += 1
        self.clip.area += area
        if self._area is not None:
            self.clip.num_pairs += 1
            self.clip.area_change += np.abs(area - self._area)
        self._area = area.astype(np.int64, copy=False)


@dataclass(frozen=True)
class FlickerScores:
    """Flicker of a data set; None where nothing could be counted. Less is steadier.

    Attributes:
        change_rate: Mean over all pairs of all clips.
        excess_change_rate: The same; 1 - VC_2 over all windows, void left out, when every
            predicted pixel has a label.
        aba_rate: Mean over all triples of all clips.
        area_flicker: Mean over clips of the mean over the classes of the clip.
        per_class_area_flicker: Mean over the clips that have the class, by class id.
    """

    change_rate: float | None
    excess_change_rate: float | None
    aba_rate: float | None
    area_flicker: float | None
    per_class_area_flicker: tuple[float | None, ...]


def flicker_scores(
    clips: Sequence[FlickerCounts], *, num_classes: int, excluded: Collection[int] = ()
) -> FlickerScores:
    """Read the scores from what was counted; of a single clip, too.

    Args:
        clips: What was counted.
        num_classes: Classes it was counted with.
        excluded: Class ids that are left out of the mean area flicker.
    """
    rates: dict[str, float | None] = {}
    for name in RATES:
        n_steps = sum(clip.rates[name][1] for clip in clips)
        total = sum(clip.rates[name][0] for clip in clips)
        rates[name] = total / n_steps if n_steps else None
    kept = kept_classes(num_classes, excluded)
    flicker = [clip.area_flicker() for clip in clips]
    return FlickerScores(
        **rates,
        area_flicker=mean_of_known([mean_of_known([row[k] for k in kept]) for row in flicker]),
        per_class_area_flicker=tuple(
            mean_of_known([row[k] for row in flicker]) for k in range(num_classes)
        ),
    )


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    size = int(np.count_nonzero(whole))
    return int(np.count_nonzero(part & whole)) / size if size else None
