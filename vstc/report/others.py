"""Artifacts that the report has no pictures for: their manifests as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vstc.report.blocks import Cell, Section, Table
from vstc.report.numbers import amount, duration, plain
from vstc.report.sources import Source


def others_section(sources: Sequence[Source]) -> Section:
    """List settings, figures and files of each artifact."""
    return Section(
        anchor="others",
        title="Other artifacts",
        blocks=tuple(_manifest_table(source) for source in sources),
    )


def _manifest_table(source: Source) -> Table:
    manifest = source.manifest
    rows = [
        ("kind", source.kind),
        ("id", source.id),
        ("time", duration(float(manifest.get("seconds", 0.0)))),
        *((f"setting {key}", plain(value)) for key, value in flat(source.config)),
        *((key, plain(value)) for key, value in flat(source.metrics)),
        *((f"input {ref['role']}", ref["path"]) for ref in manifest.get("inputs", [])),
        *((row["path"], _size(row)) for row in manifest.get("outputs", [])),
    ]
    return Table(
        columns=("What", "Value"),
        rows=tuple((Cell(what), Cell(value)) for what, value in rows),
        title=source.name,
        is_prose=True,
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Turn nested settings into (dotted key, value) pairs."""
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            pairs += flat(value, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, value))
    return pairs


def _size(row: Mapping[str, Any]) -> str:
    files = f"{row['files']} files, " if "files" in row else ""
    return f"{files}{amount(row['bytes'] / 1024)} KiB" if "bytes" in row else files.strip(", ")
