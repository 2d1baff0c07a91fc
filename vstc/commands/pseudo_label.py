"""``vstc pseudo-label``: a data set whose labels a teacher made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options
from vstc.commands.network import Checkpoint, Scales, numbers, run_network


def command(
    run: Annotated[Path, typer.Argument(help="Run folder or checkpoint of the teacher.")],
    frames: Annotated[Path, typer.Argument(help="Data set, folder of images, or video.")],
    output: options.Output,
    split: options.Split = None,
    checkpoint: Checkpoint = None,
    scales: Scales = None,
    no_flip: Annotated[bool, typer.Option("--no-flip", help="No mirrored copies.")] = False,
    min_confidence: Annotated[
        str | None,
        typer.Option("--min-confidence", help="class-median (default), fixed:P, or none."),
    ] = None,
    include_labelled: Annotated[
        bool, typer.Option("--include-labelled", help="Also frames that have a true label.")
    ] = False,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Frames at once.")] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    device: options.Device = "auto",
    workers: options.Workers = None,
    limit: options.Limit = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Label frames with a teacher, averaged over scales and mirror images.

    Reads a run and frames; writes a data set again: dataset.json, labels/, and the class ids
    and confidences before the threshold in argmax/ and confidence/.

    $ vstc pseudo-label runs/teacher data/camvid -o runs/pseudo --min-confidence fixed:0.9
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.inference.pseudo_label import make_pseudo_labels, plan_frames, refuse_other_classes
    from vstc.inference.settings import PseudoLabelSettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = configuration.resolve(
        PseudoLabelSettings,
        config_file=config,
        sets=sets,
        flags={
            "split": split,
            "checkpoint": checkpoint,
            "scales": numbers(scales),
            "flip": False if no_flip else None,
            "min_confidence": min_confidence,
            "include_labelled": include_labelled or None,
            "batch": batch,
            "limit": limit,
        },
    )

    def plans(opened: Any) -> Any:
        dataset, clips = opened.frames.dataset, opened.clips
        refuse_other_classes(opened.table, dataset)
        return plan_frames(dataset, clips, include_labelled=settings.include_labelled)

    def work(opened: Any, workspace: Any, advance: Any) -> dict[str, Any]:
        return make_pseudo_labels(
            opened.network,
            opened.table,
            opened.frames.dataset,
            plans(opened),
            settings,
            workspace=workspace,
            workers=opened.workers,
            advance=advance,
        )

    run_network(
        "vstc.dataset",
        run,
        frames,
        output,
        settings,
        work=work,
        count=lambda opened: 2 * sum(len(plan.indices) for plan in plans(opened)),
        existing=options.existing_output(resume=resume, overwrite=overwrite),
        device=device,
        workers=workers,
        is_dry_run=dry_run,
        as_json=as_json,
    )
