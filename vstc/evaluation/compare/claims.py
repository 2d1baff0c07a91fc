"""What may be said of runs: each difference with its interval, and no more than that holds."""

from __future__ import annotations

from vstc.evaluation.compare.comparison import Comparison, Difference
from vstc.evaluation.score_names import score_name, write_change

# Score: what a run is when its value is better, and when it is worse.
_WORDS = {
    "miou": ("more accurate", "less accurate"),
    "tc": ("steadier", "less steady"),
    "tsb": ("steadier in outline", "less steady in outline"),
}


def claims(comparison: Comparison) -> list[str]:
    """Say of every run how accurate and how steady it is beside the reference."""
    said = []
    for run, differences in zip(comparison.runs, comparison.differences, strict=True):
        for key in _WORDS:
            if key in differences:
                said.append(_claim(comparison, run.name, key, differences[key]))
    return said


def interval_text(key: str, difference: Difference) -> str:
    """Write an interval: ``[+0.40, +2.10]``; empty when there is none."""
    if difference.low is None or difference.high is None:
        return ""
    return f"[{write_change(key, difference.low)}, {write_change(key, difference.high)}]"


def _claim(comparison: Comparison, name: str, key: str, difference: Difference) -> str:
    reference, label = comparison.reference.name, score_name(key).label
    better, worse = _WORDS[key]
    change = write_change(key, difference.change)
    if difference.low is None:
        clips = "" if difference.clips is None else f", here are {difference.clips}"
        return (
            f"{name} against {reference}: {label} {change}, no interval: {difference.reason}{clips}"
        )
    figures = (
        f"{label} {change} {interval_text(key, difference)} "
        f"({100 * comparison.settings.level:g} %, {difference.clips} clips)"
    )
    if not difference.is_certain:
        return f"{name} is neither {better} nor {worse} than {reference} for certain: {figures}"
    is_better = (difference.change > 0) != score_name(key).is_better_low
    return f"{name} is {better if is_better else worse} than {reference}: {figures}"
