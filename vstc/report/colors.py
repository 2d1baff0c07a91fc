"""Colours of the report: one per run, the same in every chart, table and caption."""

from __future__ import annotations

# Told apart by readers with any colour vision, and by their lightness in print.
RUN_COLORS = (
    "#d9730d",
    "#1f6feb",
    "#1a7f5a",
    "#8250df",
    "#bf3989",
    "#0a7ea4",
    "#8a6d00",
    "#57606a",
)


def run_color(run: int) -> str:
    """Return the colour of a run by its number; they repeat after the eighth."""
    return RUN_COLORS[run % len(RUN_COLORS)]


def css_color(rgb: tuple[int, int, int]) -> str:
    """Write an RGB colour, 0..255 each, for CSS."""
    red, green, blue = rgb
    return f"#{red:02x}{green:02x}{blue:02x}"


def paler(color: str) -> str:
    """Mix a colour, ``#rrggbb``, with white, for what stands behind a run."""
    parts = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    red, green, blue = (round(0.45 * part + 0.55 * 255) for part in parts)
    return css_color((red, green, blue))
