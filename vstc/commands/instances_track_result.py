"""How the result of ``vstc instances track`` is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

_MAX_CLIPS = 40
_COLUMNS = ("frames", "frames_with_flow", "detections", "tracks")


def tables(record: Mapping[str, Any]) -> Group:
    """Show the counts of each clip and of all; with a truth the switches of identity too."""
    has_identity = "identity" in record["totals"]
    columns = [*_COLUMNS, *(["switches", "links", "missed"] if has_identity else [])]
    table = Table("clip", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    clips = list(record["clips"].items())
    for clip_id, counts in clips[:_MAX_CLIPS]:
        table.add_row(clip_id, *_cells(counts, columns))
    if len(clips) != 1:
        table.add_row("all", *_cells(record["totals"], columns))
    parts: list[RenderableType] = [_flow_line(record["flow"]), table]
    if len(clips) > _MAX_CLIPS:
        parts.append(f"and {len(clips) - _MAX_CLIPS} more clips, see tracks.json")
    return Group(*parts)


def _cells(counts: Mapping[str, Any], columns: list[str]) -> list[str]:
    held = {**counts, **counts.get("identity", {})}
    return [str(held[name]) for name in columns]


def _flow_line(flow: Mapping[str, Any] | None) -> str:
    if flow is None:
        return "without flow: masks are compared where they were"
    if flow["source"] == "stored":
        return f"stored flow {flow['id']}"
    return f"flow computed with {flow['method']}"
