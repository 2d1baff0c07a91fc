"""Which object is there when: a bar for every stretch of frames, a row for every track."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vstc.report.charts import INK, TIP, drawing, shorten, to_svg

MAX_ROWS = 30
_ROW_HEIGHT = 21
_AXIS_HEIGHT = 48
_NAME_LIMIT = 14


@dataclass(frozen=True)
class Presence:
    """When a track is there.

    Attributes:
        name: The track.
        color: Its CSS colour.
        ranges: First and last place of every stretch, both included, in order.
    """

    name: str
    color: str
    ranges: tuple[tuple[int, int], ...]

    @property
    def num_frames(self) -> int:
        """Frames in which it is there."""
        return sum(last - first + 1 for first, last in self.ranges)


def ranges_of(indices: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Join places, in rising order, to stretches."""
    ranges: list[tuple[int, int]] = []
    for index in indices:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    return tuple(ranges)


def gaps_in(ranges: Iterable[Sequence[int]], *, num_frames: int) -> tuple[tuple[int, int], ...]:
    """Return the stretches of a clip that lie between some others."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for first, last in ranges:
        if first > start:
            gaps.append((start, first - 1))
        start = last + 1
    return (*gaps, (start, num_frames - 1)) if start < num_frames else tuple(gaps)


def timeline_chart(tracks: Sequence[Presence], *, num_frames: int, label: str) -> str:
    """Draw when tracks are there, the first ``MAX_ROWS`` of them from top to bottom.

    Args:
        tracks: The tracks.
        num_frames: Frames of the clip.
        label: What the chart shows, for readers who do not see it.

    Returns:
        An ``<svg>`` element.
    """
    shown = tracks[:MAX_ROWS]
    with drawing(_AXIS_HEIGHT + _ROW_HEIGHT * len(shown)) as (figure, axes):
        for row, track in enumerate(shown):
            spans = [(first, last - first + 1) for first, last in track.ranges]
            bars = axes.broken_barh(spans, (row - 0.36, 0.72), facecolor=track.color)
            bars.set_gid(f"{TIP}{track.name}: {_words(track.ranges)}")
        axes.set_yticks(range(len(shown)), [shorten(t.name, _NAME_LIMIT) for t in shown])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(0, max(1, num_frames))
        axes.xaxis.get_major_locator().set_params(nbins=7, integer=True)
        axes.set_xlabel("frame", color=INK)
        axes.grid(axis="x")
        return to_svg(figure, label)


def _words(ranges: Sequence[tuple[int, int]]) -> str:
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[:6]]
    more = f" and {len(ranges) - 6} more" if len(ranges) > 6 else ""
    return f"frames {', '.join(parts)}{more}"
