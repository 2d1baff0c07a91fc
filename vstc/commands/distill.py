"""``vstc distill``: a student from labels, pseudo labels, a teacher and stored flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options
from vstc.commands import training


def command(
    dataset: training.DatasetArgument,
    output: options.Output,
    teacher: Annotated[
        Path | None, typer.Option("--teacher", help="Run folder or checkpoint of the teacher.")
    ] = None,
    pseudo: Annotated[
        Path | None, typer.Option("--pseudo", help="Data set that vstc pseudo-label made.")
    ] = None,
    flow: training.Flow = None,
    model: training.Model = None,
    init: training.Init = None,
    terms: training.Terms = None,
    ratio: Annotated[
        str | None, typer.Option("--ratio", help="Labelled : pseudo in a batch, 1:1 by default.")
    ] = None,
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
    w_pf: training.WeightPf = None,
    w_mf: training.WeightMf = None,
    w_sf: training.WeightSf = None,
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
    """Train a student that predicts every frame alone and is steady over time.

    Reads labels, pseudo labels, a teacher and stored flow; writes a run folder like that of
    teacher train. The default terms are those of Liu et al. 2022: ce,pf,mf,tl, each 0.1 but ce.

    $ vstc distill data/camvid -o runs/student --teacher runs/teacher --pseudo runs/pseudo
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.training.settings import TrainSettings
    from vstc.training.train import TrainInputs

    console.set_verbosity(quiet=quiet, verbose=verbose)
    base: dict[str, Any] = {"terms": ("ce", "pf", "mf", "tl") if flow else ("ce", "pf", "mf")}
    settings = configuration.resolve(
        TrainSettings,
        config_file=config,
        sets=sets,
        base=base | dict(training.recipe_base(recipe)),
        flags={
            "model": model,
            "init": init,
            "terms": tuple(terms.split(",")) if terms else None,
            "ratio": tuple(ratio.split(":")) if ratio else None,
            "split": split,
            "val_split": val_split,
            "steps": steps,
            "batch": batch,
            "crop": training.parse_crop(crop),
            "input_scale": input_scale,
            "lr": lr,
            "tl.form": tl,
            "weights.tl": w_tl,
            "weights.pf": w_pf,
            "weights.mf": w_mf,
            "weights.sf": w_sf,
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
    inputs = TrainInputs(dataset=dataset, pseudo=pseudo, teacher=teacher, flow=tuple(flow or ()))
    training.train_into(run, inputs, settings)
