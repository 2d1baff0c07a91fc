"""IoU of trimaps against true ones of several widths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part, Value
from vstc.evaluation.trimaps.labels import Array8
from vstc.formats.dataset import Clip
from vstc.formats.label_encoding import TRIMAP_VALUES
from vstc.metrics.trimap import TrimapIou, TrimapScores

ReadTruths = Callable[[Clip, int], Mapping[str, Array8] | None]
VALUE_OF = np.full(256, 1, np.uint8)  # a value that no trimap has
VALUE_OF[: len(TRIMAP_VALUES)] = TRIMAP_VALUES


class TrimapIouGroup(MetricGroup):
    """IoU of background, unknown and foreground, each the mean over the widths of the truth.

    Args:
        widths: Names of the widths.
        read_truths: Gives the true trimaps of a frame by width, (H, W); None where it has none.
    """

    is_temporal = True  # it sees all predicted frames, and reads the truths itself

    def __init__(self, widths: Sequence[str], read_truths: ReadTruths) -> None:
        self.widths = tuple(widths)
        self.read_truths = read_truths

    def takes(self, clip: Clip) -> bool:
        """Take every sequence, single images too."""
        del clip
        return True

    def counter(self, clip: Clip) -> TrimapIouCounter:
        """Start to count a sequence."""
        return TrimapIouCounter(self, clip)

    def gatherer(self) -> TrimapIouGatherer:
        """Start to add up sequences."""
        return TrimapIouGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        return Columns(totals=("miou",), clips=("labelled_frames", "miou"), frames=("miou",))

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {"truths": list(self.widths), "miou": "mean of 3, each the mean over the truths"}

    def read(self, counts: Sequence[Sequence[Sequence[int]]]) -> TrimapScores:
        """Read the scores from the counts of each width, in order."""
        metric = TrimapIou(self.widths)
        for width, rows in zip(self.widths, counts, strict=True):
            metric.counts[width] += np.array(rows, np.int64)
        return metric.scores()


class TrimapIouCounter:
    """Counts one sequence."""

    def __init__(self, group: TrimapIouGroup, clip: Clip) -> None:
        self._group = group
        self._clip = clip
        self._whole = TrimapIou(group.widths)
        self._frames: list[list[Value]] = []

    def update(self, frame: JudgedFrame) -> None:
        """Count a frame if it has true trimaps."""
        truths = self._group.read_truths(self._clip, frame.index)
        if truths is None:
            return
        alone = TrimapIou(self._group.widths)
        alone.update(truths, VALUE_OF[frame.predicted])
        self._whole.merge(alone)
        self._frames.append([frame.index, alone.scores().miou])

    def result(self) -> Part:
        """Return the counts of each width, and the mIoU of every frame."""
        return {"counts": [c.tolist() for c in self._whole.counts.values()], "frames": self._frames}


class TrimapIouGatherer:
    """Adds up sequences."""

    def __init__(self, group: TrimapIouGroup) -> None:
        self._group = group
        self._whole = TrimapIou(group.widths)
        self._frames = 0

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a sequence."""
        del clip
        for width, rows in zip(self._group.widths, part["counts"], strict=True):
            self._whole.counts[width] += np.array(rows, np.int64)
        self._frames += len(part["frames"])
        miou = self._group.read(part["counts"]).miou
        return ClipRows(
            clip={"labelled_frames": len(part["frames"]), "miou": miou},
            frames={index: {"miou": value} for index, value in part["frames"]},
        )

    def scores(self) -> GroupScores:
        """Read the scores of all sequences."""
        scores = self._whole.scores()
        names = ("background", "unknown", "foreground")
        return GroupScores(
            totals={"miou": scores.miou},
            counts={"labelled_frames": self._frames},
            per_class={"iou": [scores.background, scores.unknown, scores.foreground]},
            extra={
                "per_truth": [
                    {"name": width, **dict(zip(names, values, strict=True))}
                    for width, values in scores.per_width.items()
                ]
            },
        )
