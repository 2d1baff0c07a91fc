"""Ancestry of an artifact: which artifacts it was made from, and whether they still stand."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vstc.artifacts.fingerprint import list_outputs
from vstc.artifacts.manifest import read_manifest
from vstc.errors import InputError

_NEEDED_KEYS = ("id", "command", "inputs", "outputs", "volatile", "metrics", "seconds", "finished")


@dataclass(frozen=True)
class Lineage:
    """An artifact and its parents.

    Attributes:
        faults: What is wrong here: a changed file, a missing or changed parent.
    """

    role: str
    path: str
    kind: str
    id: str
    command: str = ""
    seconds: float = 0.0
    finished: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    parents: list[Lineage] = field(default_factory=list)

    def all_faults(self) -> list[str]:
        """Return the faults of this artifact and of all its ancestors."""
        return self.faults + [fault for parent in self.parents for fault in parent.all_faults()]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        own = {key: value for key, value in vars(self).items() if key != "parents"}
        return own | {"parents": [parent.as_json() for parent in self.parents]}


def trace(folder: Path) -> Lineage:
    """Follow an artifact to its oldest ancestors, checking files against the manifests.

    Raises:
        InputError: The artifact itself is missing or incomplete.
    """
    return _trace(folder, role="", expected_id=None)


def _trace(folder: Path, *, role: str, expected_id: str | None) -> Lineage:
    manifest = read_manifest(folder)
    missing = [key for key in _NEEDED_KEYS if key not in manifest]
    if missing:
        raise InputError(f"manifest is not complete: {folder}: {', '.join(missing)}")
    faults = _changed_outputs(folder, manifest)
    if expected_id is not None and manifest["id"] != expected_id:
        faults.append(
            f"{folder} has changed since it was used: id {manifest['id']}, then {expected_id}"
        )
    parents: list[Lineage] = []
    for ref in manifest["inputs"]:
        parents.append(_trace_parent(folder, ref))
    return Lineage(
        role=role,
        path=str(folder),
        kind=manifest["kind"],
        id=manifest["id"],
        command=shlex.join(manifest["command"]),
        seconds=float(manifest["seconds"]),
        finished=manifest["finished"],
        metrics=manifest["metrics"],
        faults=faults,
        parents=parents,
    )


def _trace_parent(child: Path, ref: dict[str, str]) -> Lineage:
    role = f"{ref['role']}: "
    place = find_input(child, ref["path"])
    if ref["kind"] == "raw" or place is None:
        faults = [] if place is not None else [f"{ref['role']} is gone: {ref['path']}"]
        return Lineage(role=role, path=ref["path"], kind=ref["kind"], id=ref["id"], faults=faults)
    try:
        return _trace(place, role=role, expected_id=ref["id"])
    except InputError as error:
        return Lineage(
            role=role, path=ref["path"], kind=ref["kind"], id=ref["id"], faults=[error.message]
        )


def find_input(child: Path, path: str) -> Path | None:
    """Find an input: relative to the folders above the artifact, or from here."""
    for base in (*child.resolve().parents, Path.cwd()):
        candidate = base / path
        if candidate.exists():
            place = candidate if candidate.is_dir() else candidate.parent
            return place if Path(path).is_absolute() else Path(os.path.relpath(place))
    return None


def _changed_outputs(folder: Path, manifest: dict[str, Any]) -> list[str]:
    now = {row["path"]: row for row in list_outputs(folder, volatile=manifest["volatile"])}
    faults: list[str] = []
    for row in manifest["outputs"]:
        found = now.get(row["path"])
        if found is None:
            faults.append(f"{folder / row['path']} is missing")
        elif found != row:
            faults.append(f"{folder / row['path']} has changed")
    return faults
