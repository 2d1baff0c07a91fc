"""Video consistency VC: where the truth stands still for n frames, does the prediction too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vstc.data.labels import VOID
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipRows, Columns, GroupScores, MetricGroup, Part
from vstc.formats.dataset import Clip
from vstc.metrics.video_consistency import (
    ClipWindows,
    Constancy,
    VideoConsistencyCounter,
    VideoConsistencyProtocol,
    VideoConsistencyScores,
    VoidRule,
    WindowRule,
    video_consistency,
)

VARIANTS = {
    "": VideoConsistencyProtocol(),
    "_fixed": VideoConsistencyProtocol(WindowRule.ALL, VoidRule.IGNORE, Constancy.SELF),
    "_correct": VideoConsistencyProtocol(WindowRule.ALL, VoidRule.IGNORE, Constancy.CORRECT),
}


class VideoConsistencyGroup(MetricGroup):
    """VC_n as released scripts count it, and two corrected variants.

    A window needs a label and a prediction on each of its frames.

    Args:
        lengths: The n of the windows.
    """

    needs_truth = True
    is_temporal = True

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = tuple(lengths)

    def takes(self, clip: Clip) -> bool:
        """Tell whether a clip has neighbours and labels."""
        return clip.is_consecutive and bool(clip.labels)

    def counter(self, clip: Clip) -> WindowsCounter:
        """Start to count a clip."""
        del clip
        return WindowsCounter(self.lengths)

    def gatherer(self) -> WindowsGatherer:
        """Start to add up clips."""
        return WindowsGatherer(self)

    def columns(self) -> Columns:
        """Name the columns of the tables."""
        names = tuple(f"vc{n}{variant}" for variant in VARIANTS for n in self.lengths)
        return Columns(totals=names, clips=names)

    def protocol(self) -> dict[str, Any]:
        """Name what changes a number."""
        return {"vc": {f"vc{variant}": choice.as_json() for variant, choice in VARIANTS.items()}}

    def scores_of(self, clips: dict[str, ClipWindows]) -> dict[str, VideoConsistencyScores]:
        """Read all variants by name."""
        return {
            f"vc{n}{variant}": video_consistency(clips, n, choice)
            for variant, choice in VARIANTS.items()
            for n in self.lengths
        }


class WindowsCounter:
    """Counts one clip."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._counter = VideoConsistencyCounter(lengths, void=VOID)

    def update(self, frame: JudgedFrame) -> None:
        """Count a frame; one without label ends all windows."""
        if frame.previous is None or frame.true is None:
            self._counter.break_off()
        if frame.true is not None:
            self._counter.update(frame.true, frame.predicted)

    def result(self) -> Part:
        """Return sums over windows."""
        return self._counter.clip.as_json()


class WindowsGatherer:
    """Adds up clips."""

    def __init__(self, group: VideoConsistencyGroup) -> None:
        self._group = group
        self._clips: dict[str, ClipWindows] = {}

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add a clip."""
        windows = ClipWindows.from_json(part)
        self._clips[clip.id] = windows
        scores = self._group.scores_of({clip.id: windows})
        return ClipRows(clip={name: value.vc for name, value in scores.items()})

    def scores(self) -> GroupScores:
        """Read the scores of all clips."""
        scores = self._group.scores_of(self._clips)
        return GroupScores(
            totals={name: value.vc for name, value in scores.items()},
            counts={f"{name}_windows": value.n_windows for name, value in scores.items()},
        )
