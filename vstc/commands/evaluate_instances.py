"""``vstc evaluate instances``: average precision of object tracks in videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options


def command(
    results: Annotated[
        Path, typer.Argument(help="YouTube-VIS results (JSON, zip), or a folder of id maps.")
    ],
    dataset: Annotated[
        Path, typer.Option("--dataset", help="True tracks: YouTube-VIS JSON, or id maps.")
    ],
    output: options.Output,
    common: Annotated[
        bool | None, typer.Option("--common", help="Judge only the videos that both have.")
    ] = None,
    merge: Annotated[
        bool | None, typer.Option("--merge", help="Take all ids of a map as one object.")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", help="Exit 6 unless it holds, as 'ap>=0.30'; may be repeated."),
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
    """Judge object tracks: AP and AR as YouTube-VIS defines them.

    Reads results and true tracks, as JSON or as <video>/<frame>.png; writes metrics.json.

    $ vstc evaluate instances results.json --dataset valid.json -o runs/instances
    """
    from vstc import console
    from vstc.commands.evaluate_result import tables
    from vstc.config import resolve
    from vstc.evaluation.instances.plan import plan_instances
    from vstc.evaluation.instances.record import TOTALS
    from vstc.evaluation.instances.run import check_instances, run_instances
    from vstc.evaluation.instances.settings import InstanceSettings
    from vstc.evaluation.requirements import check_requirements, parse_requirement

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    requirements = [parse_requirement(text, known=TOTALS) for text in require or ()]
    flags = {"limit": limit, "common": common, "merge": merge}
    settings = resolve(InstanceSettings, config_file=config, sets=sets, flags=flags)
    plan = plan_instances(results, dataset, settings)
    if dry_run:
        check_instances(plan, output, existing=existing)
        work = {"dry_run": True, "videos": len(plan.videos), "frames": plan.num_frames}
        text = f"would judge {len(plan.videos)} videos, {plan.num_frames} frames"
        console.result(work, as_json=as_json, render=lambda: text)
        return
    record = run_instances(
        plan,
        output,
        existing=existing,
        workers=workers,
        track=lambda total: console.track("evaluate instances", total, unit="frames"),
    )
    console.result(record, as_json=as_json, render=lambda: tables(record))
    check_requirements(requirements, record["totals"])
