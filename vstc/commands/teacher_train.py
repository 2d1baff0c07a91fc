"""``vstc teacher train``: a teacher (CE + temporal loss), or a baseline (CE alone)."""

from __future__ import annotations

from typing import Any

from vstc import options
from vstc.commands import training


def command(
    dataset: training.DatasetArgument,
    output: options.Output,
    flow: training.Flow = None,
    model: training.Model = None,
    init: training.Init = None,
    terms: training.Terms = None,
    split: training.TrainSplit = None,
    val_split: training.ValSplit = None,
    recipe: training.Recipe = None,
    steps: training.Steps = None,
    batch: training.BatchSize = None,
    crop: training.Crop = None,
    input_scale: training.InputScale = None,
    lr: training.LearningRate = None,
    tl: training.TemporalForm = None,
    w_tl: training.WeightTl = None,
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
    """Train a network on labels with cross entropy and, given flow, the temporal loss.

    Reads a data set and stored flow; writes a run folder with best.pt, last.pt and
    metrics.jsonl. With --terms ce it trains frame by frame: the baseline.

    $ vstc teacher train data/camvid -o runs/teacher --flow runs/flow --terms ce,tl
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.training.settings import TrainSettings
    from vstc.training.train import TrainInputs

    console.set_verbosity(quiet=quiet, verbose=verbose)
    base: dict[str, Any] = {"terms": ("ce", "tl") if flow else ("ce",)}
    settings = configuration.resolve(
        TrainSettings,
        config_file=config,
        sets=sets,
        base=base | dict(training.recipe_base(recipe)),
        flags={
            "model": model,
            "init": init,
            "terms": tuple(terms.split(",")) if terms else None,
            "split": split,
            "val_split": val_split,
            "steps": steps,
            "batch": batch,
            "crop": training.parse_crop(crop),
            "input_scale": input_scale,
            "lr": lr,
            "tl.form": tl,
            "weights.tl": w_tl,
            "seed": seed,
            "deterministic": deterministic or None,
            "limit": limit,
        },
    )
    run = training.RunOptions(
        output=output,
        existing=options.existing_output(resume=resume, overwrite=overwrite),
        device=device,
        workers=workers,
        is_dry_run=dry_run,
        as_json=as_json,
    )
    training.train_into(run, TrainInputs(dataset=dataset, flow=tuple(flow or ())), settings)
