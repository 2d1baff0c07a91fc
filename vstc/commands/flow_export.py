"""``vstc flow export``: stored flow as single .flo or KITTI PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options


def command(
    flow: Annotated[Path, typer.Argument(help="Folder that vstc flow precompute made.")],
    output: options.Output,
    file_format: Annotated[str, typer.Option("--format", help="flo or kitti.")] = "flo",
    clip: Annotated[str | None, typer.Option("--clip", help="This clip only.")] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Export stored flow to single files in the formats of Middlebury or KITTI.

    Reads a flow artifact; writes <clip>/<direction>/<prev>_<next>.flo or .png.

    $ vstc flow export runs/flow -o runs/flo --format flo
    """
    from vstc import console
    from vstc.artifacts.manifest import input_ref
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.errors import unknown_name
    from vstc.flow.exchange import FileFormat, export_field, exported_fields
    from vstc.formats.flow.hdf5 import KIND, FlowArchive

    console.set_verbosity(quiet=quiet, verbose=verbose)
    if file_format not in list(FileFormat):
        raise unknown_name("format", file_format, FileFormat)
    ref, archive = input_ref("flow", flow, kind=KIND), FlowArchive(flow)
    jobs = [
        (clip_id, field)
        for clip_id in ([clip] if clip else archive.clip_ids())
        for field in exported_fields(clip_id, archive.reader(clip_id).info, FileFormat(file_format))
    ]
    saved: dict[str, Any] = {
        "kind": "vstc.flow-files",
        "config": {"format": file_format, "clip": clip},
        "inputs": [ref],
        "existing": options.existing_output(resume=resume, overwrite=overwrite),
    }
    facts = {"output": str(output), "files": len(jobs)}
    if dry_run:
        check_output(output, **saved)
        console.result(facts, as_json=as_json, render=lambda: f"would write {len(jobs)} files")
        return
    with open_artifact(output, **saved) as workspace:
        if not workspace.is_complete:
            with console.track("export", len(jobs), unit="files") as advance:
                for clip_id, field in jobs:
                    if not workspace.has(field.name):
                        export_field(archive.reader(clip_id), field, workspace.path / field.name)
                    advance(1)
            workspace.finish(metrics={"files": len(jobs)})
    console.result(facts, as_json=as_json, render=lambda: f"{len(jobs)} files in {output}")
