"""``vstc flow inspect``: figures and pictures of stored flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.formats.dataset import Dataset
    from vstc.formats.flow.hdf5 import FlowArchive

_PICTURES = 4


def command(
    flow: Annotated[Path, typer.Argument(help="Folder that vstc flow precompute made.")],
    output: options.Output,
    clip: Annotated[str | None, typer.Option("--clip", help="This clip only.")] = None,
    pair: Annotated[
        int | None, typer.Option("--pair", min=0, help="Draw this pair; default: the middle one.")
    ] = None,
    gap: Annotated[int, typer.Option("--gap", min=1, help="Frame distance to look at.")] = 1,
    pairs_per_clip: Annotated[
        int, typer.Option("--pairs-per-clip", min=1, help="Pairs that the figures are taken from.")
    ] = 5,
    dataset: Annotated[
        Path | None, typer.Option("--dataset", help="The data set, if it has moved.")
    ] = None,
    limit: options.Limit = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Show how large and how trustworthy stored flow is, in figures and pictures.

    Reads flow and its data set; writes statistics.json and a PNG sheet for the first clips.

    $ vstc flow inspect runs/flow -o runs/flow-pictures
    """
    from vstc import console
    from vstc.artifacts.manifest import InputRef, input_ref
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.flow.inspect import FlowInspector
    from vstc.formats.flow.hdf5 import KIND, FlowArchive
    from vstc.formats.images import encode_rgb

    console.set_verbosity(quiet=quiet, verbose=verbose)
    archive = FlowArchive(flow)
    is_artifact = (flow / "manifest.json").is_file()
    ref = input_ref("flow", flow, kind=KIND) if is_artifact else None
    clip_ids = ([clip] if clip else archive.clip_ids())[:limit]
    config = {"clip": clip, "pair": pair, "gap": gap, "pairs_per_clip": pairs_per_clip}
    saved: dict[str, Any] = {
        "kind": "vstc.flow-inspection",
        "config": config | {"limit": limit},
        "inputs": [ref or InputRef(role="flow", path=str(flow), kind="raw", id="")],
        "existing": options.existing_output(resume=resume, overwrite=overwrite),
    }
    inspector = FlowInspector(archive, _open_dataset(archive, dataset), gap=gap)
    if dry_run:
        check_output(output, **saved)
        names = ", ".join(clip_ids)
        console.result(
            {"clips": clip_ids}, as_json=as_json, render=lambda: f"would inspect {names}"
        )
        return
    with open_artifact(output, **saved) as workspace:
        rows = []
        with console.track("inspect", len(clip_ids), unit="clips") as advance:
            for place, clip_id in enumerate(clip_ids):
                found = inspector.figures(clip_id, most_pairs=pairs_per_clip)
                rows += [row.as_json() for row in found]
                if place < _PICTURES:
                    sheet = inspector.sheet(clip_id, pair)
                    workspace.write_bytes(f"{clip_id}.png", encode_rgb(sheet))
                advance(1)
        workspace.write_json("statistics.json", {"rows": rows})
        workspace.finish()
    facts = {"output": str(output), "rows": rows}
    console.result(facts, as_json=as_json, render=lambda: _table(rows))


def _open_dataset(archive: FlowArchive, given: Path | None) -> Dataset | None:
    from vstc import console
    from vstc.errors import InputError
    from vstc.formats.dataset import load_dataset

    path = given or archive.dataset_path
    if path is None:
        return None
    try:
        return load_dataset(path)
    except InputError as error:
        if given is not None:
            raise
        console.note(f"without frames: {error.message}; --dataset tells where it is")
        return None


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("clip", "direction", title="flow; differences of grey values 0..255")
    columns = {
        "mean_magnitude": ("mean", "{:.2f} px"),
        "max_magnitude": ("max", "{:.1f} px"),
        "outside_share": ("outside", "{:.2%}"),
        "error_before": ("difference", "{:.2f}"),
        "error_after": ("warped", "{:.2f}"),
        "consistent_share": ("consistent", "{:.1%}"),
        "saturated_values": ("clipped", "{}"),
    }
    for name, _ in columns.values():
        table.add_column(name, justify="right")
    for row in rows:
        cells = [
            "-" if row[key] is None else form.format(row[key]) for key, (_, form) in columns.items()
        ]
        table.add_row(row["clip"], row["direction"], *cells)
    return table
