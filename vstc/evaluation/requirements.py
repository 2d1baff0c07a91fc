"""Requirements on totals, such as ``tc>=0.70``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from vstc.errors import CheckFailed, ConfigError, unknown_name
from vstc.evaluation.score_names import score_name

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"\s*([A-Za-z_]\w*)\s*(>=|<=|>|<)\s*([^\s<>=]+)\s*")


@dataclass(frozen=True)
class Requirement:
    """A total, a comparison and a limit."""

    metric: str
    comparison: str
    limit: float

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.limit:g}"

    def is_met(self, value: float | None) -> bool:
        """Tell whether a value satisfies it; an absent value never does."""
        return value is not None and _COMPARE[self.comparison](value, self.limit)


def parse_requirement(text: str, *, known: Iterable[str]) -> Requirement:
    """Read a requirement.

    Args:
        text: Such as ``tc>=0.70``; the comparison is one of >=, >, <=, <.
        known: Names of the totals.

    Raises:
        ConfigError: Another form, an unknown total, or a share's limit outside [0, 1].
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--require {text} is not NAME>=LIMIT", hint="for instance --require 'tc>=0.70'"
        )
    name, comparison, number = match.groups()
    if name not in known:
        raise unknown_name("metric in --require", name, known)
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not score_name(name).is_share and math.isfinite(limit):
        return Requirement(name, comparison, limit)
    if not 0 <= limit <= 1:
        raise ConfigError(
            f"--require {text}: {number} is not between 0 and 1",
            hint="values are fractions: 70 % is 0.70",
        )
    return Requirement(name, comparison, limit)


def check_requirements(
    requirements: Iterable[Requirement], totals: Mapping[str, float | None]
) -> None:
    """Compare totals with what is required of them.

    Raises:
        CheckFailed: A requirement is not met; all of these are named.
    """
    failed = [
        f"{wanted} is not met: {_shown(totals.get(wanted.metric), wanted.metric)}"
        for wanted in requirements
        if not wanted.is_met(totals.get(wanted.metric))
    ]
    if failed:
        raise CheckFailed("; ".join(failed))


def _shown(value: float | None, name: str) -> str:
    return f"{name} is absent" if value is None else f"{name} = {value:.4f}"
