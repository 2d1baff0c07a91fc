"""A confusion matrix as a chart: what is right in blue, what is mistaken in orange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vstc.report.charts import INK, TIP, WIDTH, drawing, shorten, to_svg
from vstc.report.colors import css_color
from vstc.report.numbers import percent

LEAST_SHOWN = 0.005
_MAX_WRITTEN = 12
_RIGHT, _WRONG = (18, 87, 166), (179, 69, 11)
_EMPTY = "#f4f6f8"
_FONT_SIZE = 12
_LETTER = 0.6 * _FONT_SIZE
_MIN_CELL, _MAX_CELL = 19.0, 46.0

Shares = Sequence[Sequence[float]]


def heat_map(rows: Sequence[str], columns: Sequence[str], shares: Shares, *, label: str) -> str:
    """Draw shares as cells; the darker, the larger, by the square root so that few are seen.

    Figures stand in the cells where there are few columns; under the mouse each cell tells its
    own.

    Args:
        rows: Names of the true classes, from top to bottom.
        columns: Names of what they are taken for; the first ones are those of the rows.
        shares: A row per true class, in [0, 1].
        label: What the chart shows, for readers who do not see it.

    Returns:
        An ``<svg>`` element.
    """
    left, top = (_LETTER * max(len(shorten(name)) for name in names) for names in (rows, columns))
    cell = min(_MAX_CELL, max(_MIN_CELL, (WIDTH - left - 30) / len(columns)))
    with drawing(top + 46 + cell * len(rows)) as (figure, axes):
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        # Not the axes' own patch: a transparent figure leaves that out.
        axes.axhspan(-0.5, len(rows) - 0.5, facecolor=_EMPTY, edgecolor="none")
        for row, values in enumerate(shares):
            for column, share in enumerate(values):
                if share >= LEAST_SHOWN:
                    tip = f"{rows[row]} taken for {columns[column]}: {percent(share)} %"
                    _draw_cell(axes, row, column, share=share, tip=tip)
                    if len(columns) <= _MAX_WRITTEN:
                        _write_share(axes, row, column, share=share)
        _name_classes(axes, rows, columns)
        return to_svg(figure, label)


def right_color(share: float) -> str:
    """Return the colour of a share of pixels that are right, for CSS."""
    return css_color(_mixed(_RIGHT, share))


def wrong_color(share: float) -> str:
    """Return the colour of a share of pixels that are taken for another class, for CSS."""
    return css_color(_mixed(_WRONG, share))


def _draw_cell(axes: Any, row: int, column: int, *, share: float, tip: str) -> None:
    from matplotlib.patches import Rectangle

    color = right_color(share) if row == column else wrong_color(share)
    cell = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=color, edgecolor="#ffffff")
    cell.set_linewidth(1.0)
    cell.set_gid(TIP + tip)
    axes.add_patch(cell)


def _write_share(axes: Any, row: int, column: int, *, share: float) -> None:
    is_dark = share > 0.3
    axes.text(
        column,
        row,
        f"{100 * share:.0f}",
        ha="center",
        va="center_baseline",
        fontsize=_FONT_SIZE,
        color="#ffffff" if is_dark else INK,
    )


def _name_classes(axes: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(len(columns)), [shorten(name) for name in columns], rotation=90)
    axes.set_yticks(range(len(rows)), [shorten(name) for name in rows])
    axes.tick_params(labelsize=_FONT_SIZE, length=0)
    axes.set_xlabel("taken for", fontsize=_FONT_SIZE)
    axes.set_ylabel("true class", fontsize=_FONT_SIZE)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _mixed(color: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    weight = 0.06 + 0.94 * share**0.5
    red, green, blue = (round(255 + (part - 255) * weight) for part in color)
    return red, green, blue
