"""Compare metrics artifacts, and keep the comparison in an artifact when one is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.workspace import check_output, open_artifact
from vstc.evaluation.compare.claims import claims
from vstc.evaluation.compare.comparison import KIND, RANKED, Comparison, compare_runs
from vstc.evaluation.compare.runs import RATE
from vstc.evaluation.compare.settings import CompareSettings
from vstc.evaluation.compare.tables import comparison_files
from vstc.evaluation.score_names import score_name
from vstc.options import ExistingOutput
from vstc.report.charts import require_charts
from vstc.report.comparedruns import open_runs
from vstc.report.sources import open_sources, source_refs
from vstc.report.tradeoff import draw_tradeoff, find_tradeoff, tradeoff_csv

RECORD = "comparison.json"
SVG, PNG, POINTS = "tradeoff.svg", "tradeoff.png", "tradeoff.csv"


@dataclass(frozen=True)
class Compared:
    """A comparison with what it was made of.

    Attributes:
        comparison: The comparison.
        record: The content of ``comparison.json``.
    """

    comparison: Comparison
    record: dict[str, Any]


def compare_artifacts(
    artifacts: Sequence[Path],
    settings: CompareSettings,
    *,
    output: Path | None = None,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    dry_run: bool = False,
) -> Compared:
    """Compare runs with the first one, and write the comparison where an output is given.

    Args:
        artifacts: Metrics artifacts, the reference first; in any place efficiency artifacts of
            their networks, and rates of their operating points.
        settings: Names, and how intervals are drawn.
        output: Folder to write; None writes nothing.
        existing: What to do when it is there already.
        dry_run: Write nothing.

    Raises:
        SetupError: matplotlib is not installed, but a picture is to be written.
        ConfigError: There is nothing to compare, or names do not fit.
        InputError: An artifact is missing, unreadable, or was judged differently.
        OutputError: The folder cannot be used.
    """
    if output is not None:
        require_charts()
    sources = open_sources(artifacts, names={Path(p): name for name, p in settings.names.items()})
    artifact: dict[str, Any] = {
        "kind": KIND,
        "config": settings.as_json(),
        "inputs": source_refs(sources),
        "existing": existing,
    }
    if output is not None:
        check_output(output, **artifact)
    opened = open_runs(sources, named=settings.names)
    comparison = compare_runs(opened.runs, settings)
    record = comparison.as_json() | {
        "claims": claims(comparison),
        "notes": [*opened.notes, *_notes(comparison)],
        "warnings": _warnings(comparison),
    }
    if output is not None and not dry_run:
        with open_artifact(output, **artifact) as workspace:
            if not workspace.is_complete:
                workspace.write_json(RECORD, record)
                for name, data in (comparison_files(comparison) | _pictures(comparison)).items():
                    workspace.write_bytes(name, data)
                workspace.finish(metrics={"claims": record["claims"]})
    return Compared(comparison, record)


def _notes(comparison: Comparison) -> list[str]:
    """Say why there is no rank table, where there is none."""
    if comparison.ranks is not None:
        return []
    scores = {run.name: run.scores() for run in comparison.runs}
    nowhere = [key for key in RANKED if all(own.get(key) is None for own in scores.values())]
    if nowhere:
        return [f"no ranks: no run has {_labels(nowhere)}"]
    lacking = {
        name: [key for key in RANKED if own.get(key) is None] for name, own in scores.items()
    }
    return [f"no ranks: {'; '.join(f'{n} has no {_labels(keys)}' for n, keys in lacking.items())}"]


def _labels(keys: Sequence[str]) -> str:
    return ", ".join(score_name(key).label for key in keys)


def _warnings(comparison: Comparison) -> list[str]:
    """Say which runs do not compare, and whose consistency is not earned."""
    reference = comparison.reference.name
    differing = [
        f"{run.name} was judged differently than {reference}: {'; '.join(found)}"
        for run, found in zip(comparison.runs, comparison.differing, strict=True)
        if found
    ]
    moved = [
        run.name
        for run in comparison.runs
        if run.protocol.get("propagated_with") and run.record["totals"].get("tc") is not None
    ]
    if not moved:
        return differing
    return [
        *differing,
        f"labels were moved along flow in {', '.join(moved)}: that TC is higher than deserved",
    ]


def _pictures(comparison: Comparison) -> dict[str, bytes]:
    tradeoff = find_tradeoff(comparison.runs)
    if tradeoff is None:
        return {}
    svg, png = draw_tradeoff(tradeoff)
    points = {POINTS: tradeoff_csv(tradeoff).encode()} if tradeoff.x_key == RATE else {}
    return {SVG: svg, PNG: png} | points
