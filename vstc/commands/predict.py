"""``vstc predict``: label maps of every frame, each predicted on its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options
from vstc.commands.frame_results import Frames, Job, OptionalOutput, Stdout
from vstc.commands.network import Checkpoint, Scales, numbers

if TYPE_CHECKING:
    from vstc.inference.frame_streams import LiveStream
    from vstc.inference.inputs import FrameInput
    from vstc.inference.settings import PredictSettings


def command(
    run: Annotated[Path, typer.Argument(help="Run folder, checkpoint or exported program.")],
    frames: Frames,
    output: OptionalOutput = None,
    stdout: Stdout = None,
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
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Write those of all classes too, <clip>.h5."),
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
    and on request confidences, probabilities and an overlay video per clip, or a video into a
    pipe.

    $ vstc predict runs/student drive.mp4 -o runs/drive --overlay
    """
    from vstc import config as configuration
    from vstc import console
    from vstc.commands.frame_results import choose_target, run_on_frames
    from vstc.inference.checkpoint import checkpoint_ref
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
            "probabilities": probabilities or None,
            "format": format,
            "batch": batch,
            "limit": limit,
        },
    )
    target = choose_target(
        frames,
        output,
        stdout,
        resume=resume,
        overwrite=overwrite,
        is_dry_run=dry_run,
        as_json=as_json,
        into_folder={
            "--overlay": settings.overlay,
            "--confidence": settings.confidence,
            "--probabilities": settings.probabilities,
        },
    )
    run_on_frames(
        frames,
        target,
        config=settings.as_json(),
        inputs=[checkpoint_ref(run)],
        prepare=lambda opened: _prepare(
            opened, run, settings, device=device, workers=workers or os.cpu_count() or 1
        ),
    )


def _prepare(
    frames: FrameInput | LiveStream,
    run: Path,
    settings: PredictSettings,
    *,
    device: str,
    workers: int,
) -> Job:
    from vstc.commands.network import open_network
    from vstc.formats.dataset import class_palette
    from vstc.inference.inputs import FrameInput
    from vstc.inference.predict import count_frames, predict_dataset, predict_live
    from vstc.inference.sinks.y4m_output import StdoutFormat, Y4mOutput

    network, table = open_network(run, frames, checkpoint=settings.checkpoint, device=device)
    clips = []
    if isinstance(frames, FrameInput):
        clips = frames.dataset.select(settings.split, limit=settings.limit)
    total = count_frames(table, clips, settings)

    def work(workspace: Any, outlet: Any, advance: Any) -> dict[str, Any]:
        sink = None
        if outlet is not None:
            palette = class_palette(table.classes)
            sink = Y4mOutput(outlet.stream, palette, format=StdoutFormat(outlet.format))
        common: dict[str, Any] = {"workspace": workspace, "workers": workers}
        common |= {"advance": advance, "outlet": sink}
        if isinstance(frames, FrameInput):
            return predict_dataset(network, table, frames.dataset, clips, settings, **common)
        return predict_live(network, table, frames, settings, **common)

    is_stored = isinstance(frames, FrameInput)
    units = total if is_stored else None
    plan = {"clips": len(clips) if is_stored else 1, "units": units, "device": str(network.device)}
    return Job(units, plan, work)
