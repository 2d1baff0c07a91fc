"""What TC reads from the counts of a pair, a clip or a data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Agreement of moved labels with the labels of the frame they are brought to.

    Attributes:
        tc: Mean class IoU; None when nothing was counted.
        tc_acc: Share of the counted pixels that agree; None when nothing was counted.
        per_class: IoU by class id; None for a class that is not there.
        n_pixels: Pixels that were counted.
    """

    tc: float | None
    tc_acc: float | None
    per_class: tuple[float | None, ...]
    n_pixels: int
