"""``vstc predict``: label maps of every frame, each predicted on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options
from vstc.commands.network import Checkpoint, Scales, numbers, run_network


def command(
    run: Annotated[Path, typer.Argument(help="Run folder or checkpoint.")],
    frames: Annotated[Path, typer.Argument(help="Data set, folder of images, or video.")],
    output: options.Output,
    split: options.Split = None,
    checkpoint: Checkpoint = None,
    scales: Scales = None,
    flip: Annotated[bool, typer.Option("--flip", help="Average with the mirrored frame.")] = False,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Write confidences too, 8-bit PNG.")
    ] = False,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Write a video with the label colours too.")
    ] = False,
    format: Annotated[
        str | None,
        typer.Option("--format", help="ids (default), or cityscapes: its server's label ids."),
    ] = None,
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
    """Predict every frame on its own, streaming, at the size of the frames.

    Reads a run and frames; writes <clip>/<frame>.png with class ids in the class colours,
    and on request confidences and an overlay video per clip.

    $ vstc predict runs/student drive.mp4 -o runs/drive --overlay
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.inference.predict import count_frames, predict_dataset
    from vstc.inference.settings import PredictSettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = configuration.resolve(
        PredictSettings,
        config_file=config,
        sets=sets,
        flags={
            "split": split,
            "checkpoint": checkpoint,
            "scales": numbers(scales),
            "flip": flip or None,
            "confidence": confidence or None,
            "overlay": overlay or None,
            "format": format,
            "batch": batch,
            "limit": limit,
        },
    )

    def work(opened: Any, workspace: Any, advance: Any) -> dict[str, Any]:
        return predict_dataset(
            opened.network,
            opened.table,
            opened.frames.dataset,
            opened.clips,
            settings,
            workspace=workspace,
            workers=opened.workers,
            advance=advance,
        )

    run_network(
        "vstc.predictions",
        run,
        frames,
        output,
        settings,
        work=work,
        count=lambda opened: count_frames(opened.table, opened.clips, settings),
        existing=options.existing_output(resume=resume, overwrite=overwrite),
        device=device,
        workers=workers,
        is_dry_run=dry_run,
        as_json=as_json,
    )
