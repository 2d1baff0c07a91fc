"""Accuracy over speed, coloured by consistency: Liu et al. 2022, Figure 2."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vstc.evaluation.compare.runs import COSTS, FPS, ComparedRun
from vstc.evaluation.score_names import score_name
from vstc.report.charts import INK, drawing, shorten

ACCURACY, CONSISTENCY = "miou", "tc"
_HEIGHT = 320
_DPI = 200
_COLORS = "viridis_r"
_PLAIN = "#ffffff"
_LOG_FROM = 8  # times as fast: from here on the axis is logarithmic


@dataclass(frozen=True)
class Point:
    """A run in the picture; shares in percent, ``tc`` None where it is not known."""

    name: str
    x: float
    y: float
    tc: float | None


@dataclass(frozen=True)
class Tradeoff:
    """What the picture shows.

    Attributes:
        x_key: Score on the horizontal axis.
        points: The runs that have both values.
    """

    x_key: str
    points: tuple[Point, ...]


def find_tradeoff(runs: Sequence[ComparedRun]) -> Tradeoff | None:
    """Choose what the picture shows; None where no run has two values.

    The horizontal axis is that of fps, parameters and multiply-adds which most runs have, the
    first of equals; where none has any it is TC, which is then no colour.
    """
    best = max((_tradeoff(runs, key) for key in COSTS), key=lambda found: len(found.points))
    found = best if best.points else _tradeoff(runs, CONSISTENCY)
    return found if found.points else None


def draw_tradeoff(tradeoff: Tradeoff) -> tuple[bytes, bytes]:
    """Draw the picture.

    Returns:
        An SVG and a PNG file; the same numbers give the same SVG.
    """
    with drawing(_HEIGHT) as (figure, axes):
        _draw(figure, axes, tradeoff)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
        return svg.getvalue(), png.getvalue()


def _draw(figure: Any, axes: Any, tradeoff: Tradeoff) -> None:
    x = [p.x for p in tradeoff.points]
    is_colored = tradeoff.x_key != CONSISTENCY and any(p.tc is not None for p in tradeoff.points)
    axes.margins(x=0.16, y=0.2)
    plain = [p for p in tradeoff.points if p.tc is None or not is_colored]
    style = {"s": 110, "edgecolors": INK, "zorder": 3}
    axes.scatter([p.x for p in plain], [p.y for p in plain], color=_PLAIN, **style)
    if is_colored:
        known = [p for p in tradeoff.points if p.tc is not None]
        places = [p.x for p in known], [p.y for p in known]
        dots = axes.scatter(*places, c=[p.tc for p in known], cmap=_COLORS, **style)
        figure.colorbar(dots, ax=axes, label=_label(CONSISTENCY)).outline.set_visible(False)
    for point in tradeoff.points:
        is_right = point.x > (min(x) + max(x)) / 2
        axes.annotate(
            shorten(point.name, 24),
            (point.x, point.y),
            xytext=(-9 if is_right else 9, 7),
            textcoords="offset points",
            ha="right" if is_right else "left",
            fontsize=11,
            color=INK,
        )
    if tradeoff.x_key != CONSISTENCY and min(x) > 0 and max(x) > _LOG_FROM * min(x):
        axes.set_xscale("log")
    axes.set_xlabel(_label(tradeoff.x_key))
    axes.set_ylabel(_label(ACCURACY))
    axes.grid(visible=True)


def _tradeoff(runs: Sequence[ComparedRun], x_key: str) -> Tradeoff:
    return Tradeoff(x_key, tuple(point for run in runs if (point := _point(run, x_key))))


def _point(run: ComparedRun, x_key: str) -> Point | None:
    scores = run.scores()
    x, y, tc = scores.get(x_key), scores.get(ACCURACY), scores.get(CONSISTENCY)
    if x is None or y is None:
        return None
    if x_key == CONSISTENCY:
        x = 100 * x
    return Point(run.name, x, 100 * y, None if tc is None else 100 * tc)


def _label(key: str) -> str:
    shown = score_name(key)
    if key == FPS:
        return "frames per second"
    return f"{shown.label} (%)" if shown.is_share else shown.label
