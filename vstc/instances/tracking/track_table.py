"""What is known of each object of a clip: class, score, from when to when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vstc.formats.objects.store import FrameInstances
from vstc.formats.text_tables import csv_table


@dataclass(frozen=True)
class TrackRow:
    """An object.

    Attributes:
        track: Its number.
        category_id: Its class in most of its frames; of equals the one seen first.
        score: Mean over its frames.
        first_index: Place of its first frame.
        last_index: Place of its last frame.
        first_frame: Name of its first frame.
        last_frame: Name of its last frame.
        frames: Frames that show it.
        gaps: How often it was away between two of them.
        missing_frames: Frames of those gaps.
        area: Mean pixels over its frames.
    """

    track: int
    category_id: int
    score: float
    first_index: int
    last_index: int
    first_frame: str
    last_frame: str
    frames: int
    gaps: int
    missing_frames: int
    area: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass
class _Sums:
    first_index: int
    first_frame: str
    last_index: int
    last_frame: str
    frames: int = 0
    gaps: int = 0
    score: float = 0.0
    area: int = 0
    classes: Counter[int] = field(default_factory=Counter)


class TrackTable:
    """Adds up the objects of a clip, frame by frame."""

    def __init__(self) -> None:
        self._sums: dict[int, _Sums] = {}

    def add(self, frame: FrameInstances) -> None:
        """Take the next frame."""
        for mask in frame.instances:
            sums = self._sums.get(mask.track)
            if sums is None:
                sums = _Sums(frame.index, frame.name, frame.index, frame.name)
                self._sums[mask.track] = sums
            sums.gaps += frame.index > sums.last_index + 1
            sums.last_index, sums.last_frame = frame.index, frame.name
            sums.frames += 1
            sums.score += mask.score
            sums.area += mask.rle.area
            sums.classes[mask.category_id] += 1

    def rows(self) -> list[TrackRow]:
        """Return the objects by rising number."""
        return [_row(track, self._sums[track]) for track in sorted(self._sums)]


def tracks_csv(clips: Iterable[Mapping[str, Any]], category_names: Mapping[int, str]) -> str:
    """Write the objects of all clips as one table.

    Args:
        clips: Records with ``clip`` and ``tracks``, the latter as ``TrackRow.as_json``.
        category_names: Names of the classes by id.
    """
    columns = list(TrackRow.__dataclass_fields__)
    head = ["clip", "track", "category", *columns[1:]]
    rows = []
    for record in clips:
        for track in record["tracks"]:
            name = category_names.get(track["category_id"])
            rows.append(
                [record["clip"], track["track"], name, *(track[column] for column in columns[1:])]
            )
    return csv_table(head, rows)


def _row(track: int, sums: _Sums) -> TrackRow:
    span = sums.last_index - sums.first_index + 1
    return TrackRow(
        track=track,
        category_id=sums.classes.most_common(1)[0][0],
        score=round(sums.score / sums.frames, 6),
        first_index=sums.first_index,
        last_index=sums.last_index,
        first_frame=sums.first_frame,
        last_frame=sums.last_frame,
        frames=sums.frames,
        gaps=sums.gaps,
        missing_frames=span - sums.frames,
        area=round(sums.area / sums.frames, 3),
    )
