"""How the artifacts came to be: every command of the chain, oldest first, with its time."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.lineage import find_input
from vstc.artifacts.manifest import MANIFEST, read_manifest
from vstc.errors import InputError
from vstc.report.blocks import Block, Cell, Commands, Note, Section, Table
from vstc.report.numbers import ABSENT, duration
from vstc.report.sources import Source


@dataclass(frozen=True)
class Step:
    """A command of the chain."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def command(self) -> str:
        """The command line, quoted for a shell."""
        return shlex.join(self.manifest["command"])


@dataclass(frozen=True)
class Ancestry:
    """All steps behind some artifacts, parents before children.

    Attributes:
        steps: The commands.
        faults: Inputs that are gone or were made anew since they were used.
    """

    steps: tuple[Step, ...]
    faults: tuple[str, ...]


def trace_steps(sources: Sequence[Source]) -> Ancestry:
    """Follow the artifacts to their oldest ancestors by the manifests alone.

    Files are not compared with the manifests as ``vstc info`` does: that reads all of them.
    """
    steps: dict[str, Step] = {}
    faults: dict[str, None] = {}
    for source in sources:
        if source.manifest:
            _visit(source.path, source.manifest, steps, faults)
    return Ancestry(steps=tuple(steps.values()), faults=tuple(faults))


def ancestry_section(sources: Sequence[Source]) -> Section:
    """Show commands, times and environment of the whole chain."""
    ancestry = trace_steps(sources)
    blocks: list[Block] = [Note(fault) for fault in ancestry.faults]
    if ancestry.steps:
        total = duration(sum(float(step.manifest["seconds"]) for step in ancestry.steps))
        commands = tuple(dict.fromkeys(step.command for step in ancestry.steps))
        blocks += [
            Commands(commands, title="Commands", caption="Oldest first; click to select them all."),
            Table(
                columns=("Artifact", "Kind", "Time", "Finished", "Id"),
                rows=tuple(_step_row(step) for step in ancestry.steps),
                title=f"Steps, {total} together",
                is_prose=True,
            ),
            _environment_table(ancestry.steps),
        ]
    return Section(
        anchor="ancestry",
        title="How this was made",
        lead="Every artifact behind this page, with the command that made it.",
        blocks=tuple(blocks),
    )


def _visit(
    folder: Path,
    manifest: Mapping[str, Any],
    steps: dict[str, Step],
    faults: dict[str, None],
) -> None:
    if manifest["id"] in steps:
        return
    for ref in manifest["inputs"]:
        place = find_input(folder, ref["path"])
        if place is None:
            faults[f"{ref['role']} of {folder.name} is gone: {ref['path']}"] = None
        elif ref["kind"] != "raw" and (place / MANIFEST).is_file():
            try:
                parent = read_manifest(place)
            except InputError as error:
                faults[error.message] = None
                continue
            if parent["id"] != ref["id"]:
                faults[f"{ref['path']} was made anew after {folder.name} had used it"] = None
            _visit(place, parent, steps, faults)
    steps[manifest["id"]] = Step(path=folder, manifest=manifest)


def _step_row(step: Step) -> tuple[Cell, ...]:
    manifest = step.manifest
    finished = str(manifest["finished"]).replace("T", " ").split("+")[0]
    return (
        Cell(str(step.path)),
        Cell(str(manifest["kind"])),
        Cell(duration(float(manifest["seconds"]))),
        Cell(finished),
        Cell(str(manifest["id"])),
    )


def _environment_table(steps: Sequence[Step]) -> Table:
    """List versions and machines; a value that differs between steps is given with its steps."""
    found: dict[str, dict[str, list[str]]] = {}
    for step in steps:
        for what, value in _environment(step.manifest).items():
            found.setdefault(what, {}).setdefault(value, []).append(step.path.name)
    rows = []
    for what, values in found.items():
        if len(values) == 1:
            text = next(iter(values))
        else:
            text = "; ".join(f"{value} ({', '.join(names)})" for value, names in values.items())
        rows.append((Cell(what), Cell(text)))
    return Table(columns=("What", "Value"), rows=tuple(rows), title="Environment", is_prose=True)


def _environment(manifest: Mapping[str, Any]) -> dict[str, str]:
    facts = {name: str(version) for name, version in manifest.get("versions", {}).items()}
    host = manifest.get("host") or {}
    facts |= {key: str(host[key]) for key in ("system", "cores", "gpu") if host.get(key)}
    git = manifest.get("git")
    if git:
        facts["git commit"] = git["commit"][:12] + (" with changes" if git["dirty"] else "")
    return facts or {"environment": ABSENT}
