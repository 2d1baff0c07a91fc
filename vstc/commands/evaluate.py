"""``vstc evaluate``: how right and how steady predictions are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options


def command(
    predictions: Annotated[
        str,
        typer.Argument(help="Predictions, a checkpoint, or the word `labels` (true labels)."),
    ],
    dataset: Annotated[Path, typer.Option("--dataset", help="Data set with the true labels.")],
    output: options.Output,
    flow: Annotated[
        Path | None, typer.Option("--flow", help="Stored flow or .flo files; else computed.")
    ] = None,
    flow_cache: Annotated[
        Path | None, typer.Option("--flow-cache", help="Folder that keeps computed flow.")
    ] = None,
    flow_method: Annotated[
        str | None, typer.Option("--flow-method", help="Method on the fly; default: dis-medium.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Of files: ids, colors, cityscapes, masks, instances."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="Comma separated, or all; see docs/metrics.md.")
    ] = None,
    tc_mode: Annotated[
        str | None, typer.Option("--tc-mode", help="nearest, onehot, liu2020 or vspw.")
    ] = None,
    tc_direction: Annotated[
        str | None, typer.Option("--tc-direction", help="next, or prev as Eq. 5 of the paper.")
    ] = None,
    tc_border: Annotated[
        str | None, typer.Option("--tc-border", help="Pixels that leave: ignore or clamp.")
    ] = None,
    tc_occlusion: Annotated[
        str | None, typer.Option("--tc-occlusion", help="Hidden pixels: none, fb or mask.")
    ] = None,
    tsb_target: Annotated[
        str | None, typer.Option("--tsb-target", help="Masks: class, foreground or instance.")
    ] = None,
    tsb_scale: Annotated[str | None, typer.Option("--tsb-scale", help="raw or davis.")] = None,
    tsb_classes: Annotated[
        str | None, typer.Option("--tsb-classes", help="Only these classes, comma separated.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option("--exclude", help="Classes left out of means, comma separated.")
    ] = None,
    absent: Annotated[
        str | None,
        typer.Option("--absent", help="Score of a class that never occurs: null or zero."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", help="Exit 6 unless it holds, as 'tc>=0.70'; may be repeated."),
    ] = None,
    resize_predictions: Annotated[
        bool | None,
        typer.Option("--resize-predictions", help="Fit predictions to the size of the labels."),
    ] = None,
    split: options.Split = None,
    limit: options.Limit = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    device: options.Device = "auto",
    workers: options.Workers = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Judge predictions: mIoU and accuracies on labelled frames, TC on consecutive ones.

    Reads predictions, labels and flow (or frames); writes metrics.json, per_pair.csv and counts.

    $ vstc evaluate runs/predictions --dataset runs/camvid --require 'tc>=0.70' -o runs/metrics
    """
    from vstc import console
    from vstc.commands.evaluate_result import tables, warn
    from vstc.config import resolve
    from vstc.evaluation.plan import plan_evaluation
    from vstc.evaluation.requirements import check_requirements, parse_requirement
    from vstc.evaluation.run import check_evaluation, run_evaluation
    from vstc.evaluation.settings import EvaluateSettings, parse_metrics, parse_names
    from vstc.evaluation.team import team_from_environment

    team = team_from_environment()
    console.set_verbosity(quiet=quiet or not team.leads, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    flags = {
        "split": split,
        "limit": limit,
        "format": format,
        "metrics": parse_metrics(metrics),
        "absent": absent,
        "exclude": parse_names(exclude),
        "tc.mode": tc_mode,
        "tc.direction": tc_direction,
        "tc.border": tc_border,
        "tc.occlusion": tc_occlusion,
        "tsb.target": tsb_target,
        "tsb.scale": tsb_scale,
        "tsb.classes": parse_names(tsb_classes),
        "flow_method": flow_method,
        "resize_predictions": resize_predictions,
    }
    settings = resolve(EvaluateSettings, config_file=config, sets=sets, flags=flags)
    plan = plan_evaluation(
        predictions, dataset, settings=settings, flow=flow, flow_cache=flow_cache, device=device
    )
    known = [name for group in plan.judge.groups.values() for name in group.columns().totals]
    requirements = [parse_requirement(text, known=known) for text in require or ()]
    if dry_run:
        check_evaluation(plan, output, existing=existing)
        work = {"dry_run": True, "clips": len(plan.clips), "frames": plan.num_frames}
        text = f"would judge {len(plan.clips)} clips, {plan.num_frames} frames"
        console.result(work, as_json=as_json, render=lambda: text)
        return
    record = run_evaluation(
        plan,
        output,
        existing=existing,
        workers=workers,
        team=team,
        track=lambda total: console.track("evaluate", total, unit="frames"),
    )
    if not team.leads:
        return
    warn(record)
    console.result(record, as_json=as_json, render=lambda: tables(record))
    check_requirements(requirements, record["totals"])
