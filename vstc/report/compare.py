"""Compare metrics artifacts, and keep the comparison in an artifact when one is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.lineage import find_input
from vstc.artifacts.manifest import MANIFEST, read_manifest
from vstc.artifacts.workspace import check_output, open_artifact
from vstc.errors import ConfigError, InputError
from vstc.evaluation.compare.claims import claims
from vstc.evaluation.compare.clip_sums import read_clip_sums
from vstc.evaluation.compare.comparison import KIND, RANKED, Comparison, compare_runs
from vstc.evaluation.compare.runs import ComparedRun
from vstc.evaluation.compare.settings import CompareSettings
from vstc.evaluation.compare.tables import comparison_files
from vstc.evaluation.run import read_record
from vstc.evaluation.score_names import score_name
from vstc.inference.efficiency import KIND as EFFICIENCY
from vstc.inference.efficiency_artifact import read_efficiency
from vstc.options import ExistingOutput
from vstc.report.charts import require_charts
from vstc.report.sources import METRICS, Source, open_sources, source_refs
from vstc.report.tradeoff import draw_tradeoff, find_tradeoff

RECORD = "comparison.json"
SVG, PNG = "tradeoff.svg", "tradeoff.png"
_CHECKPOINT, _PREDICTIONS = "checkpoint", "predictions"


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
        artifacts: Metrics artifacts, the reference first, and efficiency artifacts of their
            networks, in any place.
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
    comparison = compare_runs(_open_runs(sources), settings)
    record = comparison.as_json() | {
        "claims": claims(comparison),
        "notes": _notes(comparison),
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


def _open_runs(sources: Sequence[Source]) -> list[ComparedRun]:
    metrics = [source for source in sources if source.kind == METRICS]
    timed = [source for source in sources if source.kind == EFFICIENCY]
    for source in sources:
        if source not in metrics and source not in timed:
            raise InputError(
                f"{source.path} is a {source.kind}, but {METRICS} or {EFFICIENCY} is needed here",
                hint="judge predictions first: vstc evaluate",
            )
    if len(metrics) < 2:
        raise ConfigError(
            f"nothing to compare: {len(metrics)} metrics artifact(s) given",
            hint="give two or more folders of vstc evaluate, the reference first",
        )
    efficiency = _by_checkpoint(timed)
    networks = [_network(source) for source in metrics]
    for checkpoint, source in efficiency.items():
        if checkpoint not in networks:
            raise InputError(
                f"{source.path} is the efficiency of a network that no run here was made with",
                hint="measure the run folder that the predictions were made with",
            )
    return [
        _open_run(source, name, efficiency.get(checkpoint) if checkpoint else None)
        for source, name, checkpoint in zip(metrics, _names(metrics), networks, strict=True)
    ]


def _open_run(source: Source, name: str, timed: Source | None) -> ComparedRun:
    record = read_record(source.path)
    counts, sums = read_clip_sums(source.path, record)
    efficiency = read_efficiency(timed.path) if timed else None
    return ComparedRun(name, record, efficiency=efficiency, counts=counts, sums=sums)


def _names(metrics: Sequence[Source]) -> list[str]:
    """Name the runs; one that was judged twice is told apart by the folders."""
    count = Counter(source.name for source in metrics)
    return [
        f"{source.name} ({source.path.resolve().name})" if count[source.name] > 1 else source.name
        for source in metrics
    ]


def _by_checkpoint(timed: Sequence[Source]) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for source in timed:
        checkpoint = _network(source)
        if checkpoint is None:
            raise InputError(f"{source.path} does not tell which checkpoint it is of")
        if checkpoint in found:
            raise ConfigError(
                f"{found[checkpoint].path} and {source.path} are of the same network",
                hint="give one of them",
            )
        found[checkpoint] = source
    return found


def _network(source: Source) -> str | None:
    """Find the id of the checkpoint behind metrics, their predictions, or a measurement."""
    own = _input_id(source.manifest, _CHECKPOINT)
    if own is not None:
        return own
    refs = [ref for ref in source.manifest.get("inputs", []) if ref["role"] == _PREDICTIONS]
    place = find_input(source.path, refs[0]["path"]) if refs else None
    if place is None or not (place / MANIFEST).is_file():
        return None
    return _input_id(read_manifest(place), _CHECKPOINT)


def _input_id(manifest: Mapping[str, Any], role: str) -> str | None:
    refs: list[Mapping[str, str]] = manifest.get("inputs", [])
    return next((ref["id"] for ref in refs if ref["role"] == role), None)


def _notes(comparison: Comparison) -> list[str]:
    """Say why there is no rank table, where there is none."""
    if comparison.ranks is not None:
        return []
    lacking = []
    for run in comparison.runs:
        scores = run.scores()
        missing = [score_name(key).label for key in RANKED if scores.get(key) is None]
        lacking.append(f"{run.name} has no {', '.join(missing)}")
    return [f"no ranks: {'; '.join(lacking)}"]


def _warnings(comparison: Comparison) -> list[str]:
    """Say which runs do not compare."""
    reference = comparison.reference.name
    return [
        f"{run.name} was judged differently than {reference}: {'; '.join(found)}"
        for run, found in zip(comparison.runs, comparison.differing, strict=True)
        if found
    ]


def _pictures(comparison: Comparison) -> dict[str, bytes]:
    tradeoff = find_tradeoff(comparison.runs)
    if tradeoff is None:
        return {}
    svg, png = draw_tradeoff(tradeoff)
    return {SVG: svg, PNG: png}
