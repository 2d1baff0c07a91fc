"""How the result of ``vstc evaluate`` is shown: tables, and warnings on what needs care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from vstc import console

_NO_SHARES = frozenset({"tsb", "fps"})
_COLUMNS = """
    frames labelled_frames iou acc miou macc aacc fwiou pairs skipped_pairs tc tc_seq tc_acc
    jitter jitter_drop vc8 vc8_fixed vc8_correct vc16 vc16_fixed vc16_correct change_rate
    excess_change_rate aba_rate area_flicker tsb tsb_valid_pairs boundary_f region_j
"""
_ORDER = {name: place for place, name in enumerate(_COLUMNS.split())}
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
    lines = (f"{record['dataset']}, shares in percent", *_protocol(record))
    groups: list[RenderableType] = [*lines, _totals(record)]
    if record["per_class"] and len(record["per_class"][0]) > 2:
        groups.append(_rows("class", record["per_class"]))
    clips = record["per_clip"]
    if len(clips) > 1:
        shown = clips[:_MAX_CLIPS]
        rest = len(clips) - len(shown)
        groups.append(_rows("clip", shown, caption=f"and {rest} more" if rest else None))
    return Group(*groups)


def _totals(record: Mapping[str, Any]) -> Table:
    table = Table("metric")
    table.add_column("value", justify="right")
    for name in _ordered(record["totals"]):
        table.add_row(name, _shown(name, record["totals"][name]))
    return table


def _ordered(names: Iterable[str]) -> list[str]:
    """Sort names as people look for them; the record's are in the order of the alphabet."""
    return sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))


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


def _rows(what: str, rows: list[dict[str, Any]], *, caption: str | None = None) -> Table:
    table = Table(what, caption=caption)
    columns = _ordered(rows[0].keys() - {"id", "name", "split"})
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
