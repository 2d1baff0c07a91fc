"""What every metric group offers: it counts clips one by one and gathers what they hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from vstc.evaluation.flow_sources.source import FlowNeeds
from vstc.evaluation.frame import JudgedFrame
from vstc.formats.dataset import Clip

Part = dict[str, Any]
Value = float | int | None


class ClipCounter(Protocol):
    """Counts one clip."""

    def update(self, frame: JudgedFrame) -> None:
        """Count a frame; frames come in time order."""

    def result(self) -> Part:
        """Return what was counted, as plain JSON values."""


@dataclass(frozen=True)
class ClipRows:
    """What the tables say of one clip.

    Attributes:
        clip: Value by column of ``per_clip``.
        pairs: Values by column of ``per_pair.csv``, by the place of the earlier frame.
        frames: Values by column of ``per_frame.csv``, by the place of the frame.
    """

    clip: Mapping[str, Value] = field(default_factory=dict)
    pairs: Mapping[int, Mapping[str, Value]] = field(default_factory=dict)
    frames: Mapping[int, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupScores:
    """Scores of a group over all clips; None where nothing could be counted.

    Attributes:
        totals: Scores of the whole set by name.
        counts: What they rest on.
        per_class: Values by class id, by column of ``per_class``.
        extra: Further entries of the record.
    """

    totals: Mapping[str, float | None]
    counts: Mapping[str, int] = field(default_factory=dict)
    per_class: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


class Gatherer(Protocol):
    """Adds up the clips of a data set, in its order."""

    def add(self, clip: Clip, part: Part) -> ClipRows:
        """Add what was counted of a clip, and say what the tables show of it."""

    def scores(self) -> GroupScores:
        """Read the scores of all clips that were added."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns that a group adds to the tables."""

    totals: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()


class MetricGroup(ABC):
    """Metrics that are counted together.

    Attributes:
        needs_truth: It compares with true labels.
        is_temporal: It looks at neighbouring frames, so it takes all predicted frames of the
            clips whose frames follow one another, and no other clip. A group that is not
            temporal takes the labelled frames of all clips.
        flow_needs: What it asks frames for of their flow; None for nothing.
    """

    needs_truth = False
    is_temporal = False
    flow_needs: FlowNeeds | None = None

    @abstractmethod
    def counter(self, clip: Clip) -> ClipCounter:
        """Start to count a clip."""

    @abstractmethod
    def gatherer(self) -> Gatherer:
        """Start to add up clips."""

    @abstractmethod
    def columns(self) -> Columns:
        """Name the columns of the tables, in order."""

    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Name every choice that changes a number, by entry of the record's protocol."""

    def working(self, workers: int | None) -> AbstractContextManager[object]:
        """Hold what counting needs, such as processes, while clips are judged."""
        del workers
        return nullcontext()

    def takes(self, clip: Clip) -> bool:
        """Tell whether there is something to count in a clip."""
        return clip.is_consecutive if self.is_temporal else bool(clip.labels)
