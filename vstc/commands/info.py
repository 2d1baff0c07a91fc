"""``vstc info``: the environment, or an artifact and its parents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options


def command(
    artifact: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of an artifact, or exported program; leave out for the environment."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show the environment, or an artifact with its ancestry and whether it is still whole.

    Reads manifests, and what exported programs say of themselves; writes nothing. Exit 6 when a
    file or a parent has changed.

    $ vstc info runs/student
    """
    from vstc import console
    from vstc.artifacts.lineage import trace
    from vstc.artifacts.manifest import environment
    from vstc.errors import CheckFailed

    if artifact is None:
        import torch

        facts = environment() | {"cpu_threads": torch.get_num_threads()}
        console.result(facts, as_json=as_json, render=lambda: _environment_table(facts))
        return
    if artifact.suffix.lower() == ".pt2" and not artifact.is_dir():
        from vstc.commands.export import program_table
        from vstc.inference.programs.summary import summarize

        told = summarize(artifact)
        console.result(told, as_json=as_json, render=lambda: program_table(told))
        return
    lineage = trace(artifact)
    console.result(lineage.as_json(), as_json=as_json, render=lambda: _tree(lineage))
    if lineage.all_faults():
        raise CheckFailed(
            f"{artifact} has {len(lineage.all_faults())} fault(s): {lineage.all_faults()[0]}",
            hint="run the commands above again, oldest first, with --overwrite",
        )


def _environment_table(facts: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table("what", "value", title="vstc environment")
    for group in ("versions", "host"):
        for key, value in facts[group].items():
            table.add_row(f"{group}.{key}", str(value))
    table.add_row("git", str(facts["git"]))
    table.add_row("cpu_threads", str(facts["cpu_threads"]))
    return table


def _tree(lineage: Any, tree: Any = None) -> Any:
    from rich.tree import Tree

    text = f"{lineage.role}{lineage.path}  [{lineage.kind} {lineage.id}]"
    branch = Tree(text) if tree is None else tree.add(text)
    if lineage.command:
        branch.add(f"$ {lineage.command}  ({lineage.seconds:.1f} s, {lineage.finished})")
    for name, value in lineage.metrics.items():
        branch.add(f"{name}: {value}")
    for fault in lineage.faults:
        branch.add(f"FAULT: {fault}")
    for parent in lineage.parents:
        _tree(parent, branch)
    return branch
