"""Accuracy over speed, coloured by consistency: Liu et al. 2022, Figure 2."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vstc.evaluation.compare.runs import COSTS, FPS, RATE, ComparedRun
from vstc.evaluation.score_names import score_name
from vstc.formats.text_tables import csv_table
from vstc.report.charts import INK, drawing, shorten, to_svg
from vstc.report.pointnames import place_names

ACCURACY, CONSISTENCY = "miou", "tc"
_HEIGHT, _HEIGHT_OF_MANY = 320, 400
_MANY = 6
_DPI = 200
_NAME_SIZE = 12  # legible where a page is as narrow as a phone
_COLORS = "viridis_r"
_PLAIN = "#ffffff"
_FRONT = "#8a949e"
_WIDE = 4
_LOG_FROM = 8  # times as fast: from here on the axis is logarithmic


@dataclass(frozen=True)
class Point:
    """A run in the picture; shares in percent, None where they are not known.

    Attributes:
        name: What the picture calls it.
        x: Its score on the horizontal axis.
        y: Its accuracy.
        tc: Its consistency.
        run: Name of the run.
        tc_acc: Its consistency by pixels.
    """

    name: str
    x: float
    y: float
    tc: float | None
    run: str = ""
    tc_acc: float | None = None


@dataclass(frozen=True)
class Tradeoff:
    """What the picture shows.

    Attributes:
        x_key: Score on the horizontal axis.
        points: The runs that have both values.
        where: What rates were measured on; empty where the axis has none.
    """

    x_key: str
    points: tuple[Point, ...]
    where: str = ""

    def front(self) -> list[Point]:
        """Return the points that no other one beats in both rate and accuracy, slowest first.

        Of equal points the first one is taken. Empty where the axis is no rate.
        """
        if self.x_key != RATE:
            return []
        best: list[Point] = []
        for point in sorted(self.points, key=lambda p: (-p.x, -p.y)):
            if not best or point.y > best[-1].y:
                best.append(point)
        return best[::-1]


def find_tradeoff(runs: Sequence[ComparedRun]) -> Tradeoff | None:
    """Choose what the picture shows; None where no run has two values.

    The horizontal axis is the rate of operating points where any is known, else that of fps,
    parameters and multiply-adds which most runs have, the first of equals; where none has any it
    is TC, which is then no colour.
    """
    rates = _tradeoff(runs, RATE)
    if rates.points:
        return rates
    best = max((_tradeoff(runs, key) for key in COSTS), key=lambda found: len(found.points))
    found = best if best.points else _tradeoff(runs, CONSISTENCY)
    return found if found.points else None


def draw_tradeoff(tradeoff: Tradeoff) -> tuple[bytes, bytes]:
    """Draw the picture.

    Returns:
        An SVG and a PNG file; the same numbers give the same SVG.
    """
    with drawing(_height(tradeoff)) as (figure, axes):
        _draw(figure, axes, tradeoff)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
        return svg.getvalue(), png.getvalue()


def tradeoff_chart(tradeoff: Tradeoff, *, label: str) -> str:
    """Draw the picture for a page.

    Args:
        tradeoff: What it shows.
        label: The same in words, for readers who do not see it.

    Returns:
        An ``<svg>`` element.
    """
    with drawing(_height(tradeoff)) as (figure, axes):
        _draw(figure, axes, tradeoff)
        return to_svg(figure, label)


def tradeoff_csv(tradeoff: Tradeoff) -> str:
    """Write the points with every digit; shares in percent, empty where absent."""
    front = tradeoff.front()
    head = ("run", "point", tradeoff.x_key, ACCURACY, CONSISTENCY, "tc_acc", "on_front")
    rows = [
        (p.run, p.name, p.x, p.y, p.tc, p.tc_acc, "yes" if p in front else "no")
        for p in tradeoff.points
    ]
    return csv_table(head, rows)


def _draw(figure: Any, axes: Any, tradeoff: Tradeoff) -> None:
    x = [p.x for p in tradeoff.points]
    is_colored = tradeoff.x_key != CONSISTENCY and any(p.tc is not None for p in tradeoff.points)
    axes.margins(x=0.16, y=0.2)
    plain = [p for p in tradeoff.points if p.tc is None or not is_colored]
    style = {"s": 110 if len(x) < _MANY else 70, "edgecolors": INK, "zorder": 3}
    axes.scatter([p.x for p in plain], [p.y for p in plain], color=_PLAIN, **style)
    if is_colored:
        known = [p for p in tradeoff.points if p.tc is not None]
        places = [p.x for p in known], [p.y for p in known]
        dots = axes.scatter(*places, c=[p.tc for p in known], cmap=_COLORS, **style)
        figure.colorbar(dots, ax=axes, label=_label(CONSISTENCY)).outline.set_visible(False)
    front = tradeoff.front()
    if len(front) > 1:
        places = [p.x for p in front], [p.y for p in front]
        axes.plot(*places, color=_FRONT, linewidth=1.5, linestyle="--", zorder=2)
    is_log = tradeoff.x_key == RATE or max(x) > _LOG_FROM * min(x)
    if tradeoff.x_key != CONSISTENCY and min(x) > 0 and is_log:
        _log_axis(axes, x)
    axes.set_xlabel(_x_label(tradeoff))
    axes.set_ylabel(_label(ACCURACY))
    axes.grid(visible=True)
    named = [(shorten(p.name, 24), p.x, p.y) for p in tradeoff.points]
    place_names(figure, axes, named, font_size=_NAME_SIZE)


def _log_axis(axes: Any, x: Sequence[float]) -> None:
    """Make the axis logarithmic, with plain round numbers on it."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, ScalarFormatter

    axes.set_xscale("log")
    if max(x) < _WIDE * min(x):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    elif max(x) < 1000 * min(x):
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())


def _height(tradeoff: Tradeoff) -> int:
    return _HEIGHT if len(tradeoff.points) < _MANY else _HEIGHT_OF_MANY


def _tradeoff(runs: Sequence[ComparedRun], x_key: str) -> Tradeoff:
    found = [(run, point) for run in runs if (point := _point(run, x_key))]
    where = {run.rate.where for run, _ in found if run.rate} if x_key == RATE else set()
    return Tradeoff(
        x_key, tuple(point for _, point in found), where=where.pop() if len(where) == 1 else ""
    )


def _point(run: ComparedRun, x_key: str) -> Point | None:
    scores = run.scores()
    x, y = scores.get(x_key), scores.get(ACCURACY)
    if x is None or y is None:
        return None
    if x_key == CONSISTENCY:
        x = 100 * x
    tc, tc_acc = (_percent(scores.get(key)) for key in (CONSISTENCY, "tc_acc"))
    return Point(run.label or run.name, x, 100 * y, tc, run=run.name, tc_acc=tc_acc)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _x_label(tradeoff: Tradeoff) -> str:
    if tradeoff.where:
        return f"frames per second ({shorten(tradeoff.where, 44)})"
    return _label(tradeoff.x_key)


def _label(key: str) -> str:
    shown = score_name(key)
    if key in {FPS, RATE}:
        return "frames per second"
    return f"{shown.label} (%)" if shown.is_share else shown.label
