"""``vstc evaluate``: how right and how steady predictions are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options


def command(
    predictions: Annotated[
        str,
        typer.Argument(help="Folder with <clip>/<frame>.png, or the word `labels` (true labels)."),
    ],
    dataset: Annotated[Path, typer.Option("--dataset", help="Data set with the true labels.")],
    output: options.Output,
    flow: Annotated[
        Path | None, typer.Option("--flow", help="Stored flow; else it is computed on the fly.")
    ] = None,
    flow_method: Annotated[
        str | None, typer.Option("--flow-method", help="Method on the fly; default: dis-medium.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="Of miou, tc, comma separated; default: all.")
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
    from vstc.config import resolve
    from vstc.evaluation.evaluate import TOTALS
    from vstc.evaluation.plan import plan_evaluation
    from vstc.evaluation.requirements import check_requirements, parse_requirement
    from vstc.evaluation.run import check_evaluation, run_evaluation
    from vstc.evaluation.settings import EvaluateSettings, parse_metrics

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    requirements = [parse_requirement(text, known=TOTALS) for text in require or ()]
    flags = {
        "split": split,
        "limit": limit,
        "metrics": parse_metrics(metrics),
        "absent": absent,
        "flow_method": flow_method,
        "resize_predictions": resize_predictions,
    }
    settings = resolve(EvaluateSettings, config_file=config, sets=sets, flags=flags)
    plan = plan_evaluation(predictions, dataset, flow=flow, settings=settings)
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
        track=lambda total: console.track("evaluate", total, unit="frames"),
    )
    _warn(record)
    console.result(record, as_json=as_json, render=lambda: _tables(record))
    check_requirements(requirements, record["totals"])


def _warn(record: dict[str, Any]) -> None:
    from vstc import console

    counts = record["counts"]
    unseen = [row["name"] for row in record["per_class"] if row["acc"] is None]
    if counts["labelled_frames"] and unseen:
        console.warn(f"no true pixel of: {', '.join(unseen)}")
    if counts["skipped_pairs"]:
        console.warn(f"{counts['skipped_pairs']} pairs lack a prediction and are left out of TC")


def _tables(record: dict[str, Any]) -> Any:
    from rich.console import Group

    groups = [_totals(record), _rows("class", record["per_class"], ("iou", "acc", "tc"))]
    if len(record["per_clip"]) > 1:
        columns = ("labelled_frames", "miou", "macc", "aacc", "pairs", "tc", "tc_acc")
        groups.append(_rows("clip", record["per_clip"], columns))
    return Group(*groups)


def _totals(record: dict[str, Any]) -> Any:
    from rich.table import Table

    protocol, counts = record["protocol"], record["counts"]
    table = Table(title=f"{record['dataset']}, percent", title_justify="left")
    for name in record["totals"]:
        table.add_column(name, justify="right")
    table.add_row(*(_percent(value) for value in record["totals"].values()))
    if protocol["tc"]:
        tc, flow = protocol["tc"], protocol["tc"]["flow"]
        table.caption = (
            f"{counts['labelled_frames']} labelled frames; TC of {counts['pairs']} pairs: "
            f"{tc['mode']}, border {tc['border']}, flow {flow['method']} ({flow['source']}) "
            f"at {', '.join(protocol['flow_sizes'])}"
        )
    return table


def _rows(what: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Any:
    from rich.table import Table

    table = Table(what)
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        cells = [_percent(v) if not isinstance(v := row[c], int) else str(v) for c in columns]
        table.add_row(row.get("name", row["id"]), *cells)
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
