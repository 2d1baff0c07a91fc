"""How the result of ``vstc propagate --benchmark`` is shown: rates, parts and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.table import Table

from vstc.propagation.measuring.artifact import title

_PARTS = ("decode", "flow", "warp", "network", "refiner", "draw", "write")


def tables(record: dict[str, Any]) -> Group:
    """Show the content of ``rates.json``."""
    rows = record["rows"]
    return Group(title(record), _rates(rows), _part_table(rows), record["verdict"])


def _rates(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("operating point")
    columns = {
        "frames/s": ("frames_per_second", 1),
        "x every frame": ("times_per_frame_rate", 2),
        "bound": ("bound", 1),
        "of bound": ("share_of_bound", 2),
        "all cores": ("cores_bound", 1),
        "in sequence": ("sequential", 1),
        "network busy": ("network_busy", 2),
        "p50 ms": ("latency_p50_ms", 0),
        "p95 ms": ("latency_p95_ms", 0),
        "added": ("added", 2),
        "but files": ("added_but_files", 2),
    }
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        cells = [f"{row[key]:.{digits}f}" for key, digits in columns.values()]
        table.add_row(f"{row['name']}, every {row['interval']}", *cells)
    return table


def _part_table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("ms a frame, one after the other", "network ms", "flow ms")
    for part in _PARTS:
        table.add_column(part, justify="right")
    for row in rows:
        parts = row["parts"]
        cells = [f"{parts[part]['ms_per_frame']:.2f}" for part in _PARTS]
        table.add_row(row["name"], f"{row['network_ms']:.1f}", f"{row['flow_ms']:.2f}", *cells)
    return table
