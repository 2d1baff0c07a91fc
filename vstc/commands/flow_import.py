"""``vstc flow import``: flow of another program as a flow artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options


def command(
    folder: Annotated[Path, typer.Argument(help="Folder as vstc flow export writes it.")],
    dataset: Annotated[Path, typer.Argument(help="Data set that the flow belongs to.")],
    output: options.Output,
    split: options.Split = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Import flow that another program computed.

    Reads <clip>/<direction>/<prev>_<next>.flo or .png (KITTI) and the data set that names the
    frames; writes one HDF5 file per clip.

    $ vstc flow import raft-flow runs/data -o runs/flow
    """
    from vstc import console
    from vstc.artifacts.fingerprint import fingerprint_files
    from vstc.artifacts.manifest import InputRef
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.errors import InputError
    from vstc.flow.exchange import import_clip
    from vstc.formats.dataset import dataset_ref, load_dataset
    from vstc.formats.flow.hdf5 import KIND, flow_path

    console.set_verbosity(quiet=quiet, verbose=verbose)
    clips = load_dataset(dataset).select(split)
    having = [clip for clip in clips if (folder / clip.id).is_dir()]
    if not having:
        raise InputError(
            f"{folder} has no folder for any of the {len(clips)} clips of {dataset}",
            hint="files must lie in <clip>/<direction>/<prev>_<next>.flo",
        )
    files = (path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    raw_id = fingerprint_files(folder, names)
    saved: dict[str, Any] = {
        "kind": KIND,
        "config": {"method": "imported", "split": split},
        "inputs": [
            dataset_ref("dataset", dataset),
            InputRef(role="files", path=str(folder), kind="raw", id=raw_id),
        ],
        "existing": options.existing_output(resume=resume, overwrite=overwrite),
    }
    facts = {"output": str(output), "clips": [clip.id for clip in having]}
    if dry_run:
        check_output(output, **saved)
        console.result(facts, as_json=as_json, render=lambda: f"would import {len(having)} clips")
        return
    with open_artifact(output, **saved) as workspace:
        if not workspace.is_complete:
            with console.track("import", len(having), unit="clips") as advance:
                for clip in having:
                    path = flow_path(output, clip.id)
                    if not path.is_file() and import_clip(folder, clip, path) is None:
                        raise InputError(f"no flow files for clip {clip.id} in {folder / clip.id}")
                    advance(1)
            workspace.finish(metrics={"clips": len(having)})
    console.result(facts, as_json=as_json, render=lambda: f"{len(having)} clips in {output}")
