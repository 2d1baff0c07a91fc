"""How the result of ``vstc evaluate`` is shown: tables, and warnings on what needs care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table

from vstc import console

_NO_SHARES = frozenset({"tsb", "fps"})
_MAX_CLIPS = 40


def warn(record: Mapping[str, Any]) -> None:
    """Tell what makes a number less than it seems."""
    counts = record["counts"]
    unseen = [row["name"] for row in record["per_class"] if row.get("acc", 0) is None]
    if counts.get("labelled_frames") and unseen:
        console.warn(f"no true pixel of: {', '.join(unseen)}")
    if counts.get("skipped_pairs"):
        console.warn(f"{counts['skipped_pairs']} pairs lack a prediction and are left out of TC")


def tables(record: Mapping[str, Any]) -> Group:
    """Show totals, classes and clips."""
    groups = [_totals(record)]
    if record["per_class"] and len(record["per_class"][0]) > 2:
        groups.append(_rows("class", record["per_class"], title=""))
    clips = record["per_clip"]
    if len(clips) > 1:
        shown = clips[:_MAX_CLIPS]
        rest = len(clips) - len(shown)
        groups.append(_rows("clip", shown, title="", caption=f"and {rest} more" if rest else None))
    return Group(*groups)


def _totals(record: Mapping[str, Any]) -> Table:
    title = f"{record['dataset']}: shares in percent"
    table = Table("metric", title=title, title_justify="left")
    table.add_column("value", justify="right")
    for name, value in record["totals"].items():
        table.add_row(name, _shown(name, value))
    table.caption = "; ".join(_protocol(record))
    return table


def _protocol(record: Mapping[str, Any]) -> Iterable[str]:
    protocol, counts = record["protocol"], record["counts"]
    if "labelled_frames" in counts:
        yield f"{counts['labelled_frames']} labelled frames"
    if protocol.get("tc"):
        tc, flow = protocol["tc"], protocol["tc"]["flow"]
        yield (
            f"TC of {counts['pairs']} pairs: {tc['mode']}, border {tc['border']}, "
            f"direction {tc['direction']}, occlusion {tc['occlusion']}, "
            f"flow {flow['method']} ({flow['source']}) at {', '.join(protocol['flow_sizes'])}"
        )
    if protocol.get("tsb"):
        tsb = protocol["tsb"]
        pairs = counts["tsb_valid_pairs"]
        yield f"Tsb of {pairs} mask pairs: {tsb['target']}, {tsb['scale']} scale"


def _rows(
    what: str, rows: list[dict[str, Any]], *, title: str, caption: str | None = None
) -> Table:
    table = Table(what, title=title or None, caption=caption)
    columns = [name for name in rows[0] if name not in {"id", "name", "split"}]
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        name = str(row.get("name", row["id"]))
        table.add_row(name, *(_shown(column, row[column]) for column in columns))
    return table


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if name in _NO_SHARES else f"{100 * value:.2f}"
