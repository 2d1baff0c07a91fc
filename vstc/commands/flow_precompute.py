"""``vstc flow precompute``: optical flow of a data set, one HDF5 file per clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.flow.precompute import PrecomputeResult


def command(
    dataset: Annotated[Path, typer.Argument(help="Data set: its folder or dataset.json.")],
    output: options.Output,
    method: Annotated[
        str | None,
        typer.Option("--method", help="dis-medium (default), dis-fast, dis-ultrafast, farneback."),
    ] = None,
    finest_scale: Annotated[
        int | None,
        typer.Option("--finest-scale", help="Finest pyramid level of DIS; 0 is full size."),
    ] = None,
    directions: Annotated[
        str | None,
        typer.Option("--directions", help="next-to-prev, prev-to-next; default: both."),
    ] = None,
    gaps: Annotated[
        str | None, typer.Option("--gaps", help="Frame distances, such as 1,2; default: 1.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", help="Shrink frames by this first; default: 1.")
    ] = None,
    include_sparse: Annotated[
        bool | None,
        typer.Option("--include-sparse", help="Also clips whose frames lie far apart in time."),
    ] = None,
    split: options.Split = None,
    limit: options.Limit = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    workers: options.Workers = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Compute the optical flow between neighbouring frames of each clip.

    Reads a data set; writes one HDF5 file per clip, 1/64 px fixed point. Clips whose frames
    lie far apart in time are skipped.

    $ vstc flow precompute runs/data -o runs/flow --method dis-medium
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.config import resolve
    from vstc.flow.precompute import precompute_flow, skipped_note
    from vstc.flow.settings import PrecomputeSettings
    from vstc.formats.dataset import dataset_ref, load_dataset
    from vstc.formats.flow.hdf5 import KIND, flow_path

    console.set_verbosity(quiet=quiet, verbose=verbose)
    flags: dict[str, Any] = {
        "method": method,
        "params.finest_scale": finest_scale,
        "directions": directions,
    }
    flags |= {"gaps": gaps, "scale": scale, "include_sparse": include_sparse}
    flags |= {"split": split, "limit": limit}
    settings = resolve(PrecomputeSettings, config_file=config, sets=sets, flags=flags)
    provider, plan = settings.make_provider(), settings.make_plan(workers=workers)
    data = load_dataset(dataset)
    clips = data.select(settings.split, limit=settings.limit)
    note = skipped_note(clips, plan)
    if note:
        console.note(note)
    inputs = [dataset_ref("dataset", dataset)]
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    saved: dict[str, Any] = {"kind": KIND, "config": settings.as_json(), "inputs": inputs}
    total = sum(plan.num_fields(clip) for clip in clips)
    if dry_run:
        check_output(output, **saved, existing=existing)
        facts = {"clips": len(clips), "fields": total, "output": str(output)}
        console.result(facts, as_json=as_json, render=lambda: f"would compute {total} flow fields")
        return
    with open_artifact(output, **saved, existing=existing) as workspace:
        wanted = [clip for clip in clips if plan.num_fields(clip)]
        is_whole = all(flow_path(output, clip.id).is_file() for clip in wanted)
        if workspace.is_complete and is_whole:
            console.note(f"{output} is complete: nothing to do")
            metrics = (workspace.manifest or {})["metrics"]
        else:
            with console.track("flow", total, unit="fields") as advance:
                done = precompute_flow(
                    data, wanted, provider, folder=output, plan=plan, on_fields=advance
                )
            metrics = _metrics(done)
            workspace.finish(metrics=metrics)
    console.result(
        {"output": str(output), **metrics},
        as_json=as_json,
        render=lambda: _table(str(output), metrics),
    )


def _metrics(done: PrecomputeResult) -> dict[str, Any]:
    from dataclasses import asdict

    rate = done.num_fields / done.seconds if done.num_fields else None
    return {
        "clips_computed": len(done.computed),
        "clips_kept": len(done.kept),
        "fields": done.num_fields,
        "fields_per_second": rate,
        "megabytes": done.size_bytes / 1e6,
        "saturated_values": done.saturated_values,
        "thread_seconds": asdict(done.stages),
    }


def _table(output: str, metrics: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table("what", "value", title=f"flow in {output}")
    for key, value in metrics.items():
        if isinstance(value, dict):
            for stage, seconds in value.items():
                table.add_row(f"thread seconds: {stage}", f"{seconds:.2f}")
        else:
            shown = f"{value:.2f}" if isinstance(value, float) else str(value)
            table.add_row(key.replace("_", " "), shown)
    return table
