"""Where a run is worst: pairs of frames that agree least, and frames with the lowest scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from vstc.report.scores import FrameScore, PairScore

# A single bad frame spoils the pairs on both its sides and looks like its neighbours.
_APART = 3


@dataclass(frozen=True)
class Low:
    """A low score.

    Attributes:
        clip: Id of the clip.
        index: Place of the frame, or of the earlier frame of the pair.
        value: The score, in [0, 1].
        usual: Median of the clip.
    """

    clip: str
    index: int
    value: float
    usual: float

    @property
    def drop(self) -> float:
        """How far the score lies below what is usual in the clip."""
        return self.usual - self.value


def lowest_pairs(
    pairs: Mapping[str, Sequence[PairScore]], *, count: int, least_drop: float = 0.0
) -> tuple[Low, ...]:
    """Find the pairs whose agreement drops most below the median of their clip, deepest first.

    Args:
        pairs: Agreement of neighbouring frames by clip.
        count: How many to find; fewer where no more drop.
        least_drop: Drops that are not larger than this do not count.
    """
    lows: list[Low] = []
    for clip, scores in pairs.items():
        known = [(score.index, score.accuracy) for score in scores if score.accuracy is not None]
        lows += _lows(clip, known)
    deep = sorted((low for low in lows if low.drop > least_drop), key=lambda low: -low.drop)
    return _apart(deep, count=count)


def lowest_frames(frames: Mapping[str, Sequence[FrameScore]], *, count: int) -> tuple[Low, ...]:
    """Find the frames with the lowest mIoU that are not all right, lowest first.

    Args:
        frames: Scores of single frames by clip.
        count: How many to find.
    """
    lows: list[Low] = []
    for clip, scores in frames.items():
        known = [(score.index, score.miou) for score in scores if score.miou is not None]
        lows += _lows(clip, known)
    wrong = sorted((low for low in lows if low.value < 1.0), key=lambda low: low.value)
    return _apart(wrong, count=count)


def _lows(clip: str, known: Sequence[tuple[int, float]]) -> list[Low]:
    if not known:
        return []
    usual = median(value for _, value in known)
    return [Low(clip, index, value, usual) for index, value in known]


def _apart(lows: Iterable[Low], *, count: int) -> tuple[Low, ...]:
    """Take the first ones that do not lie next to one that is taken already."""
    taken: list[Low] = []
    for low in lows:
        if len(taken) == count:
            break
        near = (abs(low.index - other.index) for other in taken if other.clip == low.clip)
        if all(distance >= _APART for distance in near):
            taken.append(low)
    return tuple(taken)
