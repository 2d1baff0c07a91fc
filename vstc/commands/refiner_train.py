"""``vstc refiner train``: a network that repairs propagated predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options
from vstc.commands import training
from vstc.commands.network import Checkpoint
from vstc.commands.refiner_run import train_refiner_into

_REFINER = "Refiner"


def command(
    run: Annotated[Path, typer.Argument(help="Run folder or checkpoint of the network.")],
    dataset: training.DatasetArgument,
    output: options.Output,
    flow: Annotated[
        list[Path] | None,
        typer.Option("--flow", help="Stored flow; may be repeated. Else it is computed."),
    ] = None,
    checkpoint: Checkpoint = None,
    refiner: Annotated[
        str | None,
        typer.Option(
            "--refiner",
            help="auto (default), icnet: its own layers, or residual: for any network.",
            rich_help_panel=_REFINER,
        ),
    ] = None,
    cut: Annotated[
        str | None,
        typer.Option(
            "--cut",
            help="Where ICNet is cut: r1a (default), r1b, ra or r3.",
            rich_help_panel=_REFINER,
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            min=4,
            help="Channels of the residual refiner, 128 by default.",
            rich_help_panel=_REFINER,
        ),
    ] = None,
    interval: Annotated[
        int | None,
        typer.Option(
            "--interval",
            min=2,
            help="Key frame interval to train for, 5 by default.",
            rich_help_panel=_REFINER,
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            "--targets",
            help="labels (default), own: the network's own, or both.",
            rich_help_panel=_REFINER,
        ),
    ] = None,
    split: training.TrainSplit = None,
    val_split: training.ValSplit = None,
    steps: training.Steps = None,
    batch: training.BatchSize = None,
    crop: training.Crop = None,
    lr: training.LearningRate = None,
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
    """Train a refiner, which repairs what was propagated from a key frame, seeing the frame.

    Reads a run, a data set and stored flow; writes a run folder with best.pt, last.pt and
    metrics.jsonl, whose validations tell mIoU as propagated and as refined, by distance.

    $ vstc refiner train runs/icnet data/camvid -o runs/refiner --flow runs/flow
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.training.refiner.settings import RefinerSettings
    from vstc.training.refiner.train import RefinerInputs

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = configuration.resolve(
        RefinerSettings,
        config_file=config,
        sets=sets,
        flags={
            "checkpoint": checkpoint,
            "refiner.name": refiner,
            "refiner.cut": cut,
            "refiner.width": width,
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
    train_refiner_into(how, RefinerInputs(run, dataset, tuple(flow or ())), settings)
