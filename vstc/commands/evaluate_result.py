"""How the result of ``vstc evaluate`` is shown: tables, and warnings on what needs care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from vstc import console
from vstc.evaluation.propagated import inflation_note
from vstc.evaluation.score_names import in_order, score_name, write_score

_MAX_CLIPS = 40
_RARE_SHARE = 5e-4
_CLIP_COLUMNS = [
    "frames",
    "labelled_frames",
    "miou",
    "aacc",
    "boundary_f",
    "pairs",
    "tc",
    "tc_acc",
    "jitter",
    "vc8",
    "vc16",
    "aba_rate",
    "tsb",
    "tsb_core",
    "mad",
    "sad",
    "dtssd",
    "ap",
    "ap50",
    "ap75",
]


def warn(record: Mapping[str, Any]) -> None:
    """Tell what makes a number less than it seems."""
    counts = record["counts"]
    unseen = [row["name"] for row in record["per_class"] if row.get("acc", 0) is None]
    if counts.get("labelled_frames") and unseen:
        console.warn(f"no true pixel of: {', '.join(unseen)}")
    if counts.get("skipped_pairs"):
        console.warn(f"{counts['skipped_pairs']} pairs lack a prediction and are left out of TC")
    pixels = counts.get("valid_pair_pixels", 0)
    rare = [
        f"{row['name']} ({row['tc_pixels']} pixels, {write_score('tc', row['tc'])} %)"
        for row in record["per_class"]
        if row.get("tc") is not None and row["tc_pixels"] < _RARE_SHARE * pixels
    ]
    if rare:
        console.warn(
            f"TC counts as much as any class what is hardly there: {', '.join(rare)}; "
            "leave it out of the means with --exclude, or read tc_acc"
        )
    for stray in record["strays"][:1]:
        more = len(record["strays"]) - 1
        console.warn(
            f"predictions hold ids that are no class, such as {stray['first_id']} in "
            f"{stray['clip']}/{stray['first_frame']}; {stray['pixels']} pixels of that clip"
            f"{f', and {more} more clips' if more else ''}: they count as misses"
        )
    protocol = record["protocol"]
    flow = (protocol.get("tc") or {}).get("flow", {})
    note = inflation_note(tuple(protocol["propagated_with"]), flow.get("method"))
    if note and flow:
        console.warn(note)


def tables(record: Mapping[str, Any]) -> Group:
    """Show totals, classes and clips."""
    groups: list[RenderableType] = [f"{record['dataset']}, shares in percent"]
    groups += [*_protocol(record), _totals(record)]
    if record["per_class"] and len(record["per_class"][0]) > 2:
        columns = in_order(record["per_class"][0].keys() - {"id", "name", "tc_pixels"})
        groups.append(_rows("class", record["per_class"], columns))
    if record.get("per_distance"):
        rows = [entry | {"id": entry["distance"]} for entry in record["per_distance"]]
        groups.append(_rows("distance from key frame", rows, ("frames", "miou", "aacc")))
    clips = record["per_clip"]
    if len(clips) > 1:
        shown = clips[:_MAX_CLIPS]
        rest = len(clips) - len(shown)
        caption = f"and {rest} more" if rest else None
        groups.append(_rows("clip", shown, _CLIP_COLUMNS, caption))
    return Group(*groups)


def _totals(record: Mapping[str, Any]) -> Table:
    table = Table("metric")
    table.add_column("value", justify="right")
    for name in in_order(record["totals"]):
        table.add_row(score_name(name).label, write_score(name, record["totals"][name]))
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
    what: str, rows: Sequence[Mapping[str, Any]], columns: Iterable[str], caption: str | None = None
) -> Table:
    table = Table(what, caption=caption)
    shown = [column for column in columns if any(row.get(column) is not None for row in rows)]
    for column in shown:
        table.add_column(score_name(column).label.replace("_", " "), justify="right")
    for row in rows:
        cells = (write_score(column, row.get(column)) for column in shown)
        table.add_row(str(row.get("name", row["id"])), *cells)
    return table
