"""The artifact of ``vstc propagate --benchmark``: rates by operating point, and tables of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vstc.artifacts.workspace import open_artifact
from vstc.errors import InputError
from vstc.formats.text_tables import csv_table, markdown_table

KIND = "vstc.rates"
SCHEMA_VERSION = 1
RECORD, CSV, MARKDOWN = "rates.json", "rates.csv", "rates.md"
_NESTED = ("parts", "settings")
_COLUMNS = {
    "frames/s": ("frames_per_second", 1),
    "x every frame": ("times_per_frame_rate", 2),
    "bound": ("bound", 1),
    "of bound": ("share_of_bound", 2),
    "in sequence": ("sequential", 1),
    "network busy": ("network_busy", 2),
    "p50 ms": ("latency_p50_ms", 0),
    "p95 ms": ("latency_p95_ms", 0),
    "network ms": ("network_ms", 1),
    "flow ms": ("flow_ms", 2),
}


def keep_rates(
    output: Path | None, artifact: Mapping[str, Any], measure: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Measure, and write the artifact where there is an output.

    Args:
        output: The folder; None writes nothing.
        artifact: Config, inputs and what to do with an existing folder.
        measure: Gives the content of ``rates.json``.

    Returns:
        That content, also when the artifact was complete before.

    Raises:
        OutputError: The folder cannot be used.
    """
    if output is None:
        return measure()
    with open_artifact(output, kind=KIND, **artifact) as workspace:
        if workspace.is_complete:
            return read_rates(output)
        record = measure()
        workspace.write_json(RECORD, record)
        workspace.write_bytes(CSV, rates_csv(record).encode())
        workspace.write_bytes(MARKDOWN, rates_markdown(record).encode())
        rates = {row["name"]: row["frames_per_second"] for row in record["rows"]}
        workspace.finish(metrics={"frames_per_second": rates, "verdict": record["verdict"]})
    return record


def read_rates(folder: Path) -> dict[str, Any]:
    """Read ``rates.json`` of an artifact.

    Raises:
        InputError: Missing, of a newer version, or not what it should be.
    """
    path = folder / RECORD
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] != KIND or record["schema_version"] > SCHEMA_VERSION:
            raise ValueError(f"it is {record['schema']} version {record['schema_version']}")
        for row in record["rows"]:
            if not row["frames_per_second"] > 0 or not isinstance(row["settings"], dict):
                raise ValueError(f"{row['name']} has no rate or no settings")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"rates are not readable: {path}: {error!r}",
            hint="measure again: vstc propagate NETWORK FRAMES --benchmark -o FOLDER --overwrite",
        ) from error
    return record


def rates_csv(record: Mapping[str, Any]) -> str:
    """Write a row for each operating point with all its figures but those of single parts."""
    rows: Sequence[Mapping[str, Any]] = record["rows"]
    head = [key for key in rows[0] if key not in _NESTED]
    return csv_table(head, [[_plain(row[key]) for key in head] for row in rows])


def rates_markdown(record: Mapping[str, Any]) -> str:
    """Write the rates for people, below them where they were measured and what they mean."""
    cells = [
        [row["name"], str(row["interval"]), *(_cell(row, *how) for how in _COLUMNS.values())]
        for row in record["rows"]
    ]
    table = markdown_table(["operating point", "key every", *_COLUMNS], cells)
    return f"{table}\n{title(record)}\n\n{record['verdict']}\n"


def title(record: Mapping[str, Any]) -> str:
    """Say in one line what was measured, and where."""
    machine, (height, width) = record["machine"], record["size"]
    load = machine["load_before"]
    left_out = "".join(f", without {part}" for part in record["left_out"])
    return (
        f"{record['network']}, frames of {height}x{width}{left_out}, {machine['device']} "
        f"({machine['device_name']}), {machine['cores']} cores: {machine['workers']} for flow, "
        f"{machine['network_threads']} for the network; load before: "
        f"{'unknown' if load is None else f'{load:.1f}'}"
    )


def _cell(row: Mapping[str, Any], key: str, digits: int) -> str:
    return f"{row[key]:.{digits}f}"


def _plain(value: Any) -> str | float | None:
    return ("yes" if value else "no") if isinstance(value, bool) else value
