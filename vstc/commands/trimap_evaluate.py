"""``vstc trimap evaluate``: how right and steady trimaps are, and which mattes come of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options


def command(
    trimaps: Annotated[
        Path, typer.Argument(help="Trimaps of vstc, or <clip>/<track>/<frame>.png of others.")
    ],
    output: options.Output,
    truth: Annotated[
        list[str] | None,
        typer.Option("--truth", help="NAME=FOLDER of true trimaps; once for each width."),
    ] = None,
    alpha: Annotated[
        Path | None, typer.Option("--alpha", help="Folder of true alpha: mattes are compared.")
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option("--frames", help="Folder of frames, a data set, or masks of vstc."),
    ] = None,
    flow: Annotated[
        Path | None, typer.Option("--flow", help="Stored flow or .flo files; else computed.")
    ] = None,
    flow_cache: Annotated[
        Path | None, typer.Option("--flow-cache", help="Folder that keeps computed flow.")
    ] = None,
    flow_method: Annotated[
        str | None, typer.Option("--flow-method", help="Method on the fly; default: dis-medium.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", help="Of iou, tc, tsb, matting; default: what inputs allow."),
    ] = None,
    tracks: Annotated[
        str | None, typer.Option("--tracks", help="Only these, comma separated; or merged.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", help="Where mattes count: image, unknown, or a NAME of --truth."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", help="Exit 6 unless it holds, as 'mad<=0.006'; may be repeated."),
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
    """Judge trimaps: IoU against true ones of several widths, TC, Tsb, and errors of mattes.

    Reads trimaps, and what is true of them; writes metrics.json, counts and mattes.

    $ vstc trimap evaluate runs/trimaps --truth narrow=true/narrow --frames video -o runs/metrics
    """
    from vstc import console
    from vstc.commands.evaluate_result import tables, warn
    from vstc.config import resolve
    from vstc.evaluation.requirements import check_requirements, parse_requirement
    from vstc.evaluation.run import check_evaluation, run_evaluation
    from vstc.evaluation.settings import parse_names
    from vstc.evaluation.team import team_from_environment
    from vstc.evaluation.trimaps.flow import FlowOfClips
    from vstc.evaluation.trimaps.inputs import TrimapPaths
    from vstc.evaluation.trimaps.plan import plan_trimaps
    from vstc.evaluation.trimaps.settings import TrimapSettings, parse_metrics, parse_truths

    team = team_from_environment()
    console.set_verbosity(quiet=quiet or not team.leads, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    truths = {name: Path(folder) for name, folder in parse_truths(truth).items()}
    flags = {
        "metrics": parse_metrics(metrics),
        "tracks": parse_names(tracks),
        "limit": limit,
        "flow_method": flow_method,
        "region": region,
    }
    settings = resolve(TrimapSettings, config_file=config, sets=sets, flags=flags)
    paths = TrimapPaths(trimaps, truths, alpha, frames, flow, flow_cache)
    plan = plan_trimaps(paths, output, settings)
    known = [name for group in plan.judge.groups.values() for name in group.columns().totals]
    requirements = [parse_requirement(text, known=known) for text in require or ()]
    if dry_run:
        check_evaluation(plan, output, existing=existing)
        work = {"dry_run": True, "sequences": len(plan.clips), "frames": plan.num_frames}
        text = f"would judge {len(plan.clips)} sequences, {plan.num_frames} frames"
        console.result(work, as_json=as_json, render=lambda: text)
        return
    if isinstance(plan.flow, FlowOfClips) and plan.flow.is_repeated:
        console.note("flow is computed for each track; --flow-cache FOLDER does it once a clip")
    record = run_evaluation(
        plan,
        output,
        existing=existing,
        workers=workers,
        team=team,
        track=lambda total: console.track("trimap evaluate", total, unit="frames"),
    )
    if not team.leads:
        return
    warn(record)
    console.result(record, as_json=as_json, render=lambda: tables(record))
    check_requirements(requirements, record["totals"])
