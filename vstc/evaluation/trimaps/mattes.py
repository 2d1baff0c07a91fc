"""Mattes that come of trimaps: written, and compared with true alpha."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.errors import InputError
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part, Value
from vstc.evaluation.trimaps.closed_form import METHOD, closed_form_alpha
from vstc.evaluation.trimaps.iou import VALUE_OF
from vstc.evaluation.trimaps.labels import Array8
from vstc.formats.alpha import Alpha, encode_alpha
from vstc.formats.dataset import Clip
from vstc.metrics.confusion import mean_of_known
from vstc.metrics.matting import (
    absolute_differences,
    connectivity_error,
    gradient_error,
    mean_squared_difference,
    temporal_difference,
)

ReadFrame = Callable[[Clip, int], Array8]
ReadAlpha = Callable[[Clip, int], Alpha | None]
# Which pixels of a frame count, given its trimap; None for all.
FindRegion = Callable[[Clip, int, Array8], NDArray[np.bool_] | None]
ALPHAS = "alphas"
ERRORS = ("mad", "mse", "sad", "grad", "conn")
DTSSD = "dtssd"
_THOUSAND = 1000.0


class MattingGroup(MetricGroup):
    """Errors of closed-form mattes against true alpha; of frames without, mattes are written only.

    Of a sequence the mean over its frames (pairs, for dtSSD), of all the mean over sequences.

    Args:
        read_frame: Gives a frame, (H, W, 3) RGB.
        read_alpha: Gives true alpha, (H, W); None for a frame without.
        find_region: Gives the pixels that count.
        region: Name of that region, for the record.
        folder: Where mattes are written, as ``<sequence>/<frame>.png``.
    """

    is_temporal = True  # it sees all predicted frames

    def __init__(
        self,
        *,
        read_frame: ReadFrame,
        read_alpha: ReadAlpha,
        find_region: FindRegion,
        region: str,
        folder: Path,
    ) -> None:
        self.read_frame = read_frame
        self.read_alpha = read_alpha
        self.find_region = find_region
        self.region = region
        self.folder = folder

    def takes(self, clip: Clip) -> bool:
        """Take every sequence, single images too."""
        del clip
        return True

    def counter(self, clip: Clip) -> MattingCounter:
        """Start to count a sequence."""
        return MattingCounter(self, clip)

    def gatherer(self) -> MattingGatherer:
        """Start to add up sequences."""
        return MattingGatherer()

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        scores = (*ERRORS, DTSSD)
        return Columns(totals=scores, clips=scores, pairs=(DTSSD,), frames=ERRORS)

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {
            "matting": {
                "method": METHOD,
                "region": self.region,
                "sums": "in thousands",
                "dtssd": "root of the mean over the region",
            }
        }

    def matte(self, clip: Clip, index: int, trimap: Array8) -> Alpha:
        """Make the matte of a frame and write it.

        Raises:
            InputError: The trimap is unknown everywhere, or the frame cannot be read.
        """
        alpha = closed_form_alpha(self.read_frame(clip, index), trimap)
        name = clip.frame_names[index]
        if alpha is None:
            raise InputError(
                f"the trimap of {clip.id}/{name} is unknown everywhere",
                hint="every trimap needs some background or foreground",
            )
        atomic_write_bytes(self.folder / clip.id / f"{name}.png", encode_alpha(alpha))
        return alpha


class MattingCounter:
    """Counts one sequence."""

    def __init__(self, group: MattingGroup, clip: Clip) -> None:
        self._group = group
        self._clip = clip
        self._frames: list[list[Value]] = []
        self._pairs: list[list[Value]] = []
        self._num_mattes = 0
        # The frame before: its place, matte and true alpha.
        self._previous: tuple[int, Alpha, Alpha] | None = None

    def update(self, frame: JudgedFrame) -> None:
        """Make the matte of a frame, and compare it if its true alpha is known."""
        trimap = VALUE_OF[frame.predicted]
        alpha = self._group.matte(self._clip, frame.index, trimap)
        self._num_mattes += 1
        true = self._group.read_alpha(self._clip, frame.index)
        if true is None:
            return
        region = self._group.find_region(self._clip, frame.index, trimap)
        self._frames.append([frame.index, *_errors(alpha, true, region)])
        previous = self._previous
        if frame.previous is not None and previous and previous[0] == frame.index - 1:
            change = temporal_difference(
                predicted_prev=previous[1],
                predicted_next=alpha,
                true_prev=previous[2],
                true_next=true,
                region=region,
            )
            self._pairs.append([previous[0], change])
        self._previous = (frame.index, alpha, true)

    def result(self) -> Part:
        """Return the errors of every frame and pair."""
        return {"frames": self._frames, "pairs": self._pairs, "mattes": self._num_mattes}


class MattingGatherer:
    """Adds up sequences."""

    def __init__(self) -> None:
        self._clips: list[dict[str, float | None]] = []
        self._num = {"mattes": 0, "alpha_frames": 0, "alpha_pairs": 0}

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a sequence."""
        del clip
        frames = {index: dict(zip(ERRORS, row, strict=True)) for index, *row in part["frames"]}
        pairs = {index: {DTSSD: value} for index, value in part["pairs"]}
        values = {name: mean_of_known([row[name] for row in frames.values()]) for name in ERRORS}
        values[DTSSD] = mean_of_known([row[DTSSD] for row in pairs.values()])
        self._clips.append(values)
        for name, number in zip(self._num, (part["mattes"], len(frames), len(pairs)), strict=True):
            self._num[name] += number
        return ClipRows(clip=values, pairs=pairs, frames=frames)

    def scores(self) -> GroupScores:
        """Read the scores of all sequences."""
        names = (*ERRORS, DTSSD)
        totals = {name: mean_of_known([values[name] for values in self._clips]) for name in names}
        return GroupScores(totals=totals, counts=self._num)


def _errors(alpha: Alpha, true: Alpha, region: NDArray[np.bool_] | None) -> list[Value]:
    pixels = alpha.size if region is None else int(np.count_nonzero(region))
    sad = absolute_differences(alpha, true, region)
    return [
        sad / pixels if pixels else None,
        mean_squared_difference(alpha, true, region),
        sad / _THOUSAND,
        gradient_error(alpha, true, region) / _THOUSAND,
        connectivity_error(alpha, true, region) / _THOUSAND,
    ]
