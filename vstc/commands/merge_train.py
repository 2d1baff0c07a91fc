"""``vstc merge train``: the layer that joins the scores of two networks in mode fusion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options
from vstc.commands import training
from vstc.commands.merge_run import train_merge_into
from vstc.commands.network import Checkpoint


def command(
    run: Annotated[Path, typer.Argument(help="Run folder or checkpoint of the key network.")],
    dataset: training.DatasetArgument,
    output: options.Output,
    light: Annotated[
        Path, typer.Option("--light", help="Run folder or checkpoint of the light network.")
    ],
    flow: Annotated[
        list[Path] | None,
        typer.Option("--flow", help="Stored flow; may be repeated. Else it is computed."),
    ] = None,
    checkpoint: Checkpoint = None,
    interval: Annotated[
        int | None,
        typer.Option("--interval", min=2, help="Key frame interval to train for, 5 by default."),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option("--targets", help="labels (default), own: the key network's own, or both."),
    ] = None,
    split: training.TrainSplit = None,
    val_split: training.ValSplit = None,
    steps: training.Steps = None,
    batch: training.BatchSize = None,
    crop: training.Crop = None,
    lr: Annotated[
        float | None,
        typer.Option(
            "--lr", help="Base learning rate; weights get 2x.", rich_help_panel="Training"
        ),
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    workers: options.Workers = None,
    deterministic: options.Deterministic = False,
    limit: options.Limit = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train the layer that merges the scores of a carried feature and of a light network.

    Reads two runs, a data set and stored flow; writes a run folder with best.pt, last.pt and
    metrics.jsonl, whose validations tell mIoU of the layer, of the mean of both scores, and of
    either alone, by distance. Both networks stay as they are.

    $ vstc merge train runs/teacher data/camvid --light runs/student -o runs/merge --flow runs/flow
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.training.merge.settings import MergeSettings
    from vstc.training.merge.train import MergeInputs

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = configuration.resolve(
        MergeSettings,
        config_file=config,
        sets=sets,
        flags={
            "checkpoint": checkpoint,
            "propagation.interval": interval,
            "targets": targets,
            "split": split,
            "val_split": val_split,
            "steps": steps,
            "batch": batch,
            "crop": training.parse_crop(crop),
            "lr": lr,
            "seed": seed,
            "deterministic": deterministic or None,
            "limit": limit,
        },
    )
    how = training.RunOptions(
        output=output,
        existing=options.existing_output(resume=resume, overwrite=overwrite),
        device=device,
        workers=workers,
        is_dry_run=dry_run,
        as_json=as_json,
    )
    train_merge_into(how, MergeInputs(run, light, dataset, tuple(flow or ())), settings)
