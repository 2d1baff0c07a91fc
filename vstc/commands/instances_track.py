"""``vstc instances track``: give the masks of each frame the numbers of lasting objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options


def command(
    instances: Annotated[Path, typer.Argument(help="Instance masks; their ids mean nothing.")],
    output: options.Output,
    frames: Annotated[
        Path | None,
        typer.Option("--frames", help="Data set, or folder with <clip>/<frame>.jpg."),
    ] = None,
    flow: Annotated[
        Path | None, typer.Option("--flow", help="Stored flow; default: computed from the frames.")
    ] = None,
    flow_method: Annotated[
        str | None,
        typer.Option("--flow-method", help="How flow is computed; none: masks are not moved."),
    ] = None,
    max_age: Annotated[
        int | None,
        typer.Option("--max-age", min=1, help="Forget objects unseen for so many frames."),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", help="Leave out detections below this score.")
    ] = None,
    min_area: Annotated[
        int | None, typer.Option("--min-area", min=1, help="Leave out masks of fewer pixels.")
    ] = None,
    video: Annotated[
        bool | None, typer.Option("--video", help="Write a video with coloured ids per clip.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Masks with true ids: count the identity switches."),
    ] = None,
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
    """Follow objects over time: the same id in all frames of a clip.

    Reads instance masks, and frames or flow where there are any; writes the masks with
    consistent ids, tracks.csv, tracks.json and on request videos.

    $ vstc instances track runs/masks -o runs/tracks --frames data/clips --video
    """
    from vstc import console
    from vstc.commands.instances_track_result import tables
    from vstc.config import resolve
    from vstc.instances.tracking.plan import plan_tracking
    from vstc.instances.tracking.run import check_tracking, run_tracking
    from vstc.instances.tracking.settings import TrackSettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    flags = {
        "flow_method": flow_method,
        "association.max_age": max_age,
        "min_score": min_score,
        "min_area": min_area,
        "video": video,
        "limit": limit,
    }
    settings = resolve(TrackSettings, config_file=config, sets=sets, flags=flags)
    plan = plan_tracking(instances, settings, frames=frames, flow=flow, against=against)
    if dry_run:
        check_tracking(plan, output, existing=existing)
        work = {
            "dry_run": True,
            "clips": len(plan.clips),
            "frames": plan.num_frames,
            "flow": plan.flow_record(),
        }
        text = f"would track {len(plan.clips)} clips, {plan.num_frames} frames"
        console.result(work, as_json=as_json, render=lambda: text)
        return
    record = run_tracking(
        plan,
        output,
        existing=existing,
        workers=workers,
        track=lambda total: console.track("track instances", total, unit="frames"),
    )
    console.result(record, as_json=as_json, render=lambda: tables(record))
