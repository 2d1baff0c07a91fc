"""What is compared: metrics, with efficiency of their networks and rates of their points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from vstc.artifacts.lineage import find_input
from vstc.artifacts.manifest import MANIFEST, read_manifest
from vstc.errors import ConfigError, InputError
from vstc.evaluation.compare.clip_sums import read_clip_sums
from vstc.evaluation.compare.runs import ComparedRun
from vstc.evaluation.run import read_record
from vstc.inference.efficiency import KIND as EFFICIENCY
from vstc.inference.efficiency_artifact import read_efficiency
from vstc.report.rates import FoundRate, Rates, input_id, open_rates
from vstc.report.sources import METRICS, RATES, Source

_KINDS = (METRICS, EFFICIENCY, RATES)
_CHECKPOINT, _PREDICTIONS = "checkpoint", "predictions"


@dataclass(frozen=True)
class OpenedRuns:
    """Runs that are ready to be compared.

    Attributes:
        runs: In the order in which they were given, the reference first.
        notes: What a person should know of their rates, one sentence each.
    """

    runs: tuple[ComparedRun, ...]
    notes: tuple[str, ...]


def open_runs(sources: Sequence[Source], *, named: Mapping[str, str]) -> OpenedRuns:
    """Read metrics artifacts with what efficiency and rates artifacts tell of them.

    Args:
        sources: All of them.
        named: Artifact by the name that a person gave to its run.

    Raises:
        ConfigError: There is nothing to compare, or two tell of the same network.
        InputError: An artifact is of another kind, unreadable, or tells of no run here.
    """
    metrics = [source for source in sources if source.kind == METRICS]
    timed = [source for source in sources if source.kind == EFFICIENCY]
    for source in sources:
        if source.kind not in _KINDS:
            raise InputError(
                f"{source.path} is a {source.kind}, but one of {', '.join(_KINDS)} is needed here",
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
    runs = [
        _open_run(source, name, efficiency.get(checkpoint) if checkpoint else None)
        for source, name, checkpoint in zip(metrics, _names(metrics), networks, strict=True)
    ]
    rates = open_rates(sources)
    if rates.is_empty:
        return OpenedRuns(tuple(runs), ())
    found = [rates.of(source) for source in metrics]
    _refuse_idle(found)
    rated = [replace(run, rate=f.rate) for run, f in zip(runs, found, strict=True)]
    return OpenedRuns(label_runs(rated, named=named), _rate_notes(rated, found, rates))


def label_runs(runs: Sequence[ComparedRun], *, named: Collection[str]) -> tuple[ComparedRun, ...]:
    """Call runs in pictures by their operating points, where those tell them apart.

    Args:
        runs: The runs.
        named: Names that people gave, which stay.
    """
    count = Counter(run.rate.point for run in runs if run.rate)
    return tuple(
        replace(run, label=run.rate.point)
        if run.rate and run.name not in named and count[run.rate.point] == 1
        else run
        for run in runs
    )


def _refuse_idle(found: Sequence[FoundRate]) -> None:
    reasons = list(dict.fromkeys(one.reason for one in found if one.rate is None))
    if len(found) == sum(one.rate is None for one in found):
        raise InputError(
            f"no run has a rate: {'; '.join(reasons)}",
            hint="measure the network and the presets that the predictions were made with",
        )


def _rate_notes(
    runs: Sequence[ComparedRun], found: Sequence[FoundRate], rates: Rates
) -> tuple[str, ...]:
    notes = [
        f"{run.name} has no rate: {one.reason}"
        for run, one in zip(runs, found, strict=True)
        if one.rate is None
    ]
    sizes = {size for run in runs if run.rate for size in run.protocol.get("sizes", [])}
    measured = rates.size
    if sizes - {measured}:
        others = ", ".join(sorted(sizes - {measured}))
        notes.append(f"rates are of frames of {measured}, but labels of {others} were judged")
    return tuple(notes)


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
    own = input_id(source.manifest, _CHECKPOINT)
    if own is not None:
        return own
    refs = [ref for ref in source.manifest.get("inputs", []) if ref["role"] == _PREDICTIONS]
    place = find_input(source.path, refs[0]["path"]) if refs else None
    if place is None or not (place / MANIFEST).is_file():
        return None
    return input_id(read_manifest(place), _CHECKPOINT)
