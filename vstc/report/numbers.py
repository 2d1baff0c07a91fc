"""How the report writes figures."""

from __future__ import annotations

from typing import Any

ABSENT = "–"


def percent(value: float | None) -> str:
    """Write a share in percent with one decimal, without the sign; a dash for None."""
    return ABSENT if value is None else f"{100 * value:.1f}"


def small_percent(value: float) -> str:
    """Write a share that may be tiny in percent with two decimals, without the sign."""
    return "<0.01" if 0 < value < 5e-5 else f"{100 * value:.2f}"


def percent_change(value: float, reference: float) -> str:
    """Write the difference of two shares in points, with its sign."""
    text = f"{100 * (value - reference):+.1f}"
    return "±0.0" if text in {"+0.0", "-0.0"} else text.replace("-", "−")


def amount(value: float | None) -> str:
    """Write a plain number with three significant digits and thousands apart."""
    if value is None:
        return ABSENT
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"


def counted(number: int, what: str, many: str = "") -> str:
    """Write a number of things; ``many`` is their plural if it does not end in s."""
    return f"{amount(number)} {what if number == 1 else many or what + 's'}"


def duration(seconds: float) -> str:
    """Write a time span in the unit that people use for it."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def plain(value: Any) -> str:
    """Write any JSON value on one line."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return amount(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(entry)}" for key, entry in value.items()) or ABSENT
    if isinstance(value, list | tuple):
        return ", ".join(plain(entry) for entry in value) or ABSENT
    return str(value)
