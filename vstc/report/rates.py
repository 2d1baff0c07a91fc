"""Measured rates of runs: each run's operating point is found by its settings, or it has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vstc.artifacts.lineage import find_input
from vstc.artifacts.manifest import MANIFEST, read_manifest
from vstc.errors import InputError
from vstc.evaluation.compare.runs import MeasuredRate
from vstc.propagation.measuring.artifact import read_rates
from vstc.propagation.measuring.benchmark import PER_FRAME
from vstc.propagation.measuring.operating_points import changed_keys, operating_point
from vstc.propagation.settings import Mode, PropagateSettings
from vstc.report.sources import PREDICTIONS, RATES, Source

# Networks beside the key network, by their role among the inputs.
_BESIDE = {"refiner": "refiner", "light": "light network", "merge": "merging layer"}
# What must be the same where rates stand beside one another.
_MACHINE = ("device", "device_name", "cores", "workers", "network_threads")


@dataclass(frozen=True)
class FoundRate:
    """The rate of a run, or why there is none.

    Attributes:
        rate: The rate; None where it is not known.
        reason: Why not; empty where it is.
    """

    rate: MeasuredRate | None
    reason: str = ""


class _NoRate(Exception):
    """There is no rate, for a reason in words."""


@dataclass(frozen=True)
class _Networks:
    """Ids of the networks of a run; None where it has none of the kind."""

    key: str | None
    refiner: str | None = None
    light: str | None = None
    merge: str | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> _Networks:
        """Read them from the inputs of a manifest."""
        return cls(*(input_id(manifest, role) for role in ("checkpoint", *_BESIDE)))

    def unlike(self, other: _Networks, settings: PropagateSettings) -> str:
        """Name the first network that settings make use of and that differs; empty for none."""
        used = {
            "refiner": settings.refinements_per_cycle > 0,
            "light": settings.mode is Mode.FUSION,
            "merge": settings.mode is Mode.FUSION,
        }
        return next(
            (
                what
                for role, what in _BESIDE.items()
                if used[role] and getattr(self, role) != getattr(other, role)
            ),
            "",
        )


@dataclass(frozen=True)
class _Row:
    """An operating point that was measured with some networks."""

    name: str
    networks: _Networks
    settings: PropagateSettings
    value: float


@dataclass(frozen=True)
class _Made:
    """What labels were made by; settings are None where every frame was segmented."""

    networks: _Networks
    settings: PropagateSettings | None


class Rates:
    """The rates of some ``vstc.rates`` artifacts.

    Args:
        sources: The artifacts; where two have the same operating point, the first one counts.

    Raises:
        InputError: One is not readable, or they were not measured alike.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._records = [read_rates(source.path) for source in sources]
        _refuse_unlike(sources, self._records)

    @property
    def is_empty(self) -> bool:
        """Tell whether there are no rates at all."""
        return not self._records

    @property
    def size(self) -> str:
        """Width and height of the frames, as protocols write them; empty without rates."""
        if not self._records:
            return ""
        height, width = self._records[0]["size"]
        return f"{width}x{height}"

    @property
    def where(self) -> str:
        """What the rates were measured on, in words; empty without rates."""
        if not self._records:
            return ""
        record = self._records[0]
        machine = record["machine"]
        left_out = "".join(f", without {part}" for part in record["left_out"])
        cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
        return f"{self.size}, {machine['device_name']}, {cores}{left_out}"

    def of(self, metrics: Source) -> FoundRate:
        """Find the rate of the run that was judged.

        Its predictions, or the network itself, are found through the manifest. All settings of
        propagation must be those of a row, and all networks that they make use of the same.
        """
        try:
            made = _made_by(metrics)
            return FoundRate(self._rate(made))
        except _NoRate as error:
            return FoundRate(None, str(error))

    def _rate(self, made: _Made) -> MeasuredRate:
        rows = [row for row in self._rows if row.networks.key == made.networks.key]
        if made.networks.key is None or not rows:
            raise _NoRate("its network is none of those that were measured")
        if made.settings is None:
            row = next((row for row in rows if row.name == PER_FRAME), None)
            if row is None:
                raise _NoRate("no rates of every frame are given")
            return self._measured(row)
        same = [row for row in rows if row.settings == made.settings]
        if not same:
            raise _NoRate(_nearest(made.settings, rows))
        others = [row.networks.unlike(made.networks, row.settings) for row in same]
        if all(others):
            raise _NoRate(f"its {others[0]} is none of those that were measured")
        return self._measured(same[others.index("")])

    def _measured(self, row: _Row) -> MeasuredRate:
        return MeasuredRate(row.name, row.value, self.where)

    @cached_property
    def _rows(self) -> list[_Row]:
        return [
            _Row(
                str(row["name"]),
                _Networks.of(source.manifest),
                settings,
                float(row["frames_per_second"]),
            )
            for source, record in zip(self._sources, self._records, strict=True)
            for row in record["rows"]
            if (settings := operating_point(row["settings"])) is not None
        ]


def _made_by(metrics: Source) -> _Made:
    """Find out what made the labels that were judged.

    Raises:
        _NoRate: It cannot be told, for a reason in words.
    """
    direct = input_id(metrics.manifest, "checkpoint")
    if direct is not None:
        return _Made(_Networks(direct), None)
    ref = metrics.input(PREDICTIONS)
    if ref is None:
        raise _NoRate("its labels were not made by a command of vstc")
    place = find_input(metrics.path, ref["path"])
    if place is None or not (place / MANIFEST).is_file():
        raise _NoRate(f"its predictions are gone: {ref['path']}")
    manifest = _manifest(place)
    if manifest["id"] != ref["id"]:
        raise _NoRate(f"its predictions were made anew since: {ref['path']}")
    return _Made(_Networks.of(manifest), _settings(manifest["config"]))


def _manifest(place: Path) -> dict[str, Any]:
    try:
        return read_manifest(place)
    except InputError as error:
        raise _NoRate(error.message) from error


def _settings(config: Mapping[str, Any]) -> PropagateSettings | None:
    declared = config.get("propagation")
    if declared is None:
        if config.get("flip") or list(config.get("scales") or [1.0]) != [1.0]:
            raise _NoRate("every frame was segmented more than once (flip or scales)")
        return None
    settings = operating_point(declared) if isinstance(declared, Mapping) else None
    if settings is None:
        raise _NoRate("how it was propagated is not known here")
    return settings


def _nearest(settings: PropagateSettings, rows: Sequence[_Row]) -> str:
    """Say that no row has these settings, and in what the nearest one differs."""
    changes = {row.name: changed_keys(settings, row.settings) for row in rows}
    name = min(changes, key=lambda name: len(changes[name]))
    keys = ", ".join(changes[name])
    return f"no operating point with its settings was measured; {name} differs in {keys}"


def input_id(manifest: Mapping[str, Any], role: str) -> str | None:
    """Return the id of an input of a manifest; None if there is none in this role."""
    refs: list[Mapping[str, str]] = manifest.get("inputs", [])
    return next((ref["id"] for ref in refs if ref["role"] == role), None)


def _refuse_unlike(sources: Sequence[Source], records: Sequence[Mapping[str, Any]]) -> None:
    for source, record in zip(sources[1:], records[1:], strict=True):
        found = list(_unlike(records[0], record))
        if found:
            raise InputError(
                f"{source.path} was not measured as {sources[0].path} was: {'; '.join(found)}",
                hint="measure both alike: vstc propagate --benchmark",
            )


def _unlike(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    for key in ("size", "left_out"):
        if first[key] != second[key]:
            yield f"{key} ({first[key]} there, {second[key]} here)"
    for key in _MACHINE:
        before, after = first["machine"].get(key), second["machine"].get(key)
        if before != after:
            yield f"{key} ({before} there, {after} here)"


def open_rates(sources: Sequence[Source]) -> Rates:
    """Read the rates among some artifacts."""
    return Rates([source for source in sources if source.kind == RATES])
