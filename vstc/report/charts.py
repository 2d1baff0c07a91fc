"""Charts as inline SVG: text stays text, and the same numbers give the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vstc.errors import SetupError
from vstc.report.numbers import amount

WIDTH, HEIGHT = 480, 270
MAX_POINTS = 120
INK, _GRID = "#3d4752", "#dfe4ea"
TIP = "tip:"
_FONT_SIZE = 14
_POINTS_PER_INCH = 72


@dataclass(frozen=True)
class Series:
    """A line of a chart, or one bar in every group.

    Attributes:
        name: What it is.
        color: CSS colour.
        y: Values; None leaves a gap.
        x: Places of the values; empty counts from 0.
        is_marked: Draw every point: for few, far apart values.
        rings: Numbers of the values that are ringed.
    """

    name: str
    color: str
    y: tuple[float | None, ...]
    x: tuple[float, ...] = ()
    is_marked: bool = False
    rings: tuple[int, ...] = ()


def require_charts() -> None:
    """Refuse to go on where matplotlib is not installed.

    Raises:
        SetupError: It is not.
    """
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise SetupError(
            "the report needs matplotlib for its charts", hint='pip install "vstc[report]"'
        )


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    label: str,
    y_limits: tuple[float | None, float | None] = (None, None),
) -> str:
    """Draw lines over a common axis.

    Long series are averaged into ``MAX_POINTS`` bins; a band shows the range of each bin.

    Args:
        series: The lines.
        x_label: Name of the horizontal axis.
        y_label: Name of the vertical axis.
        label: What the chart shows, for readers who do not see it.
        y_limits: Lowest and highest value shown; None chooses by the data.

    Returns:
        An ``<svg>`` element.
    """
    with drawing(HEIGHT) as (figure, axes):
        for line in series:
            _draw_line(axes, line)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.set_ylim(*y_limits)
        axes.margins(x=0.02)
        axes.xaxis.get_major_locator().set_params(nbins=6)
        axes.yaxis.get_major_locator().set_params(nbins=6)
        axes.grid(axis="y")
        return to_svg(figure, label)


def bar_chart(
    groups: Sequence[str],
    series: Sequence[Series],
    *,
    x_label: str,
    label: str,
    is_to_100: bool = True,
) -> str:
    """Draw horizontal bars: a group per class, a bar per run.

    Args:
        groups: Names of the groups, from top to bottom.
        series: One value per group each, in percent.
        x_label: Name of the horizontal axis.
        label: What the chart shows, for readers who do not see it.
        is_to_100: The axis ends at 100; else it fits the data, of any unit.

    Returns:
        An ``<svg>`` element.
    """
    highest = 100.0 if is_to_100 else _highest(series)
    thick = 13 if len(series) > 1 else 16
    height = 62 + len(groups) * (thick * len(series) + 9)
    with drawing(height) as (figure, axes):
        share = 0.8 / len(series)
        for number, bars in enumerate(series):
            places = [group - 0.4 + share * (number + 0.5) for group in range(len(groups))]
            values = [value if value is not None else 0.0 for value in bars.y]
            axes.barh(places, values, height=share * 0.92, color=bars.color)
            for place, value in zip(places, bars.y, strict=True):
                _write_bar_value(axes, place, value, highest=highest, is_whole=is_to_100)
        axes.set_yticks(range(len(groups)), [shorten(name) for name in groups])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlim(0, 1.12 * highest)
        if is_to_100:
            axes.set_xticks([0, 20, 40, 60, 80, 100])
        else:
            axes.xaxis.get_major_locator().set_params(nbins=5)
        axes.set_xlabel(x_label)
        axes.grid(axis="x")
        return to_svg(figure, label)


def _highest(series: Sequence[Series]) -> float:
    return max((value for bars in series for value in bars.y if value), default=1.0)


def _write_bar_value(
    axes: Any, place: float, value: float | None, *, highest: float, is_whole: bool
) -> None:
    text = f"{value:.0f}" if is_whole and value is not None else amount(value)
    x = (value or 0.0) + 0.01 * highest
    axes.text(x, place, text, va="center_baseline", fontsize=12, color=INK)


def _draw_line(axes: Any, line: Series) -> None:
    x = list(line.x) or [float(place) for place in range(len(line.y))]
    y = [float("nan") if value is None else value for value in line.y]
    ringed = [(x[place], y[place]) for place in line.rings]
    style = {"color": line.color, "linewidth": 2.0}
    if len(y) > MAX_POINTS:
        x, low, y, high = _binned(x, line.y)
        axes.fill_between(x, low, high, color=line.color, alpha=0.18, linewidth=0)
    is_marked = line.is_marked or sum(value == value for value in y) < 3
    axes.plot(x, y, marker="o" if is_marked else "", markersize=5, **style)
    for place, value in ringed:
        ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.8}
        axes.plot([place], [value], **ring, markeredgecolor=line.color)


def _binned(
    x: Sequence[float], y: Sequence[float | None]
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Average neighbouring values; returns place, lowest, mean and highest value per bin."""
    bins: list[tuple[float, float, float, float]] = []
    for number in range(MAX_POINTS):
        part = slice(number * len(y) // MAX_POINTS, (number + 1) * len(y) // MAX_POINTS)
        known = [value for value in y[part] if value is not None]
        if not known:
            known = [float("nan")]
        middle = sum(x[part]) / len(x[part])
        bins.append((middle, min(known), sum(known) / len(known), max(known)))
    places, low, mean, high = (list(column) for column in zip(*bins, strict=True))
    return places, low, mean, high


@contextmanager
def drawing(height: float) -> Iterator[tuple[Any, Any]]:
    """Open a figure of the page's width in the style of all charts.

    Args:
        height: Height in the units of ``WIDTH``.

    Yields:
        The figure and its axes.
    """
    import matplotlib
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "vstc",
        "font.family": "DejaVu Sans",
        "font.size": _FONT_SIZE,
        "axes.edgecolor": _GRID,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.axisbelow": True,
        "grid.color": _GRID,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "axes.unicode_minus": True,
    }
    with matplotlib.rc_context(settings):
        size = (WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH)
        figure = Figure(figsize=size, layout="constrained")
        yield figure, figure.subplots()


def to_svg(figure: Any, label: str) -> str:
    """Render for inlining: no prologue, no metadata, no fixed size, the page's own font.

    An artist whose gid begins with ``TIP`` shows the rest of it under the mouse.

    Args:
        figure: What was drawn.
        label: What the chart shows, for readers who do not see it.
    """
    from xml.sax.saxutils import quoteattr

    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<style type=.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*font-family: [^;\"]*;?", "", svg)
    svg = re.sub(rf"<g id=([\"']){TIP}(.*?)\1>", r"<g><title>\2</title>", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = svg.replace("xlink:href=", "href=").replace(" \n", " ")
    view_box = re.search(r'viewBox="[^"]*"', svg)
    shape = view_box.group() if view_box else ""
    opening = f'<svg {shape} role="img" aria-label={quoteattr(label)}>'
    return re.sub(r"<svg[^>]*>", lambda _: opening, svg, count=1)


def shorten(name: str, limit: int = 18) -> str:
    """Cut a long name, so that it leaves room for the chart."""
    return name if len(name) <= limit else f"{name[: limit - 1]}…"
