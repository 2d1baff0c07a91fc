"""Names beside the points of a picture, placed so that they cover neither points nor one another.

Places are in points of 1/72 inch, from the lower left corner of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vstc.report.charts import INK

_RADIUS = 6.0
# Widest mean width of a letter and height of a line, in parts of the font size.
_LETTER, _LINE = 0.6, 1.15
# Where a name may stand: steps of its own width and height from the point.
_SIDES = ((1, 0.5), (-1, 0.5), (1, -0.5), (-1, -0.5), (0, 1), (0, -1), (1, 0), (-1, 0))
_FARTHER = (0.0, 8.0, 16.0, 26.0)


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    left: float
    low: float
    right: float
    high: float

    def covers(self, other: Box) -> float:
        """Return the area that both have in common."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        tall = min(self.high, other.high) - max(self.low, other.low)
        return max(0.0, wide) * max(0.0, tall)

    def outside(self, other: Box) -> float:
        """Return the area that lies outside of another rectangle."""
        return (self.right - self.left) * (self.high - self.low) - self.covers(other)


def place_names(
    figure: Any, axes: Any, points: Sequence[tuple[str, float, float]], *, font_size: float
) -> None:
    """Write names beside points; one that must stand far off gets a thin line to its point.

    Args:
        figure: The figure, whose layout is settled here.
        axes: Its axes, with all points drawn.
        points: Name, x and y, as the axes have them.
        font_size: Of the names.
    """
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    there = [tuple(scale * axes.transData.transform((x, y))) for _, x, y in points]
    frame = axes.get_window_extent()
    inside = Box(*(scale * edge for edge in (frame.x0, frame.y0, frame.x1, frame.y1)))
    boxes = choose_places([name for name, *_ in points], there, inside, font_size=font_size)
    for (name, x, y), (px, py), box in zip(points, there, boxes, strict=True):
        left, low = box.left - px, box.low - py
        is_far = max(left, px - box.right, low, py - box.high) > 2 * _RADIUS
        axes.annotate(
            name,
            (x, y),
            xytext=(left, low),
            textcoords="offset points",
            fontsize=font_size,
            color=INK,
            va="bottom",
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.5} if is_far else None,
        )


def choose_places(
    names: Sequence[str],
    points: Sequence[tuple[float, float]],
    inside: Box,
    *,
    font_size: float,
) -> list[Box]:
    """Choose where names stand, one after the other: the first free place, or the freest.

    Args:
        names: The names.
        points: Their points.
        inside: Where names may stand.
        font_size: Of the names.
    """
    dots = [Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in points]
    chosen: list[Box] = []
    for name, (x, y) in zip(names, points, strict=True):
        size = (_LETTER * font_size * len(name), _LINE * font_size)
        taken = [*dots, *chosen]
        chosen.append(
            min(
                _places(x, y, size),
                key=lambda box: sum(map(box.covers, taken)) + 4 * box.outside(inside),  # noqa: B023
            )
        )
    return chosen


def _places(x: float, y: float, size: tuple[float, float]) -> Iterator[Box]:
    """Yield places around a point, the nearest first."""
    width, height = size
    for farther in _FARTHER:
        for right, up in _SIDES:
            away = _RADIUS + 1 + farther
            centre_x = x + right * (away + width / 2)
            centre_y = y + up * (height + farther) + (0 if right else up * _RADIUS)
            yield Box(
                centre_x - width / 2,
                centre_y - height / 2,
                centre_x + width / 2,
                centre_y + height / 2,
            )
