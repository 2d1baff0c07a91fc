"""Rates, and runs that were propagated, made in code: manifests without pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.report.factory import make_metrics
from vstc.artifacts.manifest import InputRef, input_ref
from vstc.artifacts.workspace import open_artifact
from vstc.propagation.measuring.artifact import KIND, SCHEMA_VERSION, keep_rates
from vstc.propagation.measuring.operating_points import operating_point, plain_point, preset_of
from vstc.propagation.presets import preset
from vstc.propagation.run_settings import PropagateRunSettings, Propagation
from vstc.propagation.settings import PropagateSettings

MACHINE = {
    "cores": 2, "device": "cpu", "device_name": "a machine", "workers": 1, "network_threads": 1,
    "load_before": None,
}  # fmt: skip
_FIGURES = (
    "times_per_frame_rate", "bound", "share_of_bound", "sequential", "network_busy",
    "latency_p50_ms", "latency_p95_ms", "network_ms", "flow_ms",
)  # fmt: skip


def rates_record(rates: Mapping[str, float], **changes: Any) -> dict[str, Any]:
    """Make the record of every frame and some presets."""
    every = Propagation(interval=1, warp=False)
    points: dict[str, PropagateSettings] = {"every frame": every}
    points |= {name: preset(name) for name in rates if name != "every frame"}
    rows = [
        {
            "name": name,
            "preset": preset_of(settings),
            "interval": settings.interval,
            "frames_per_second": rates.get(name, 1.0),
            **dict.fromkeys(_FIGURES, 1.0),
            "settings": plain_point(settings),
        }
        for name, settings in points.items()
    ]
    return {
        "schema": KIND,
        "schema_version": SCHEMA_VERSION,
        "machine": MACHINE,
        "size": [48, 64],
        "left_out": [],
        "network": "pspnet-tiny",
        "clip": "c0",
        "refiner": "untrained",
        "rows": rows,
        "verdict": "propagation pays here",
    } | changes


def make_rates(
    folder: Path,
    run: Path,
    rates: Mapping[str, float],
    *,
    beside: Mapping[str, Path] | None = None,
    fused: Mapping[str, Any] | None = None,
    **how: Any,
) -> Path:
    """Make rates of presets, and of a run's settings under the name ``fused``."""
    inputs = [input_ref("checkpoint", run), *_refs(beside)]
    record = rates_record(rates, **how)
    if fused is not None:
        settings = operating_point(fused["propagation"])
        assert settings is not None
        row = {"name": "fused", "preset": None, "settings": plain_point(settings)}
        record["rows"].append(record["rows"][0] | row)
    keep_rates(folder, {"config": {}, "inputs": inputs}, lambda: record)
    return folder


def _refs(beside: Mapping[str, Path] | None) -> list[InputRef]:
    return [input_ref(role, path) for role, path in (beside or {}).items()]


def make_judged(
    folder: Path,
    dataset: Path,
    run: Path,
    config: Mapping[str, Any],
    *,
    lift: float = 0.4,
    beside: Mapping[str, Path] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Path:
    """Make predictions of some settings, and the metrics of them."""
    inputs = [input_ref("dataset", dataset), input_ref("checkpoint", run), *_refs(beside)]
    made = folder.with_name(f"{folder.name}-labels")
    about = {"kind": "vstc.predictions", "config": config, "inputs": inputs}
    with open_artifact(made, **about) as workspace:
        workspace.finish(metrics=metrics or {})
    return make_metrics(folder, dataset, made, lift=lift)


def propagated(name: str, **changes: Any) -> dict[str, Any]:
    """Return the config of a run of a preset, with some settings changed."""
    values = preset(name).as_json() | {"preset": name, "flow_method": "dis-ultrafast"} | changes
    settings = PropagateRunSettings.model_validate({"propagation": values})
    return settings.as_json()
