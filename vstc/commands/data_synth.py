"""``vstc data synth``: make a synthetic data set with exact truth."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.data.synth.dataset import SynthResult
    from vstc.data.synth.settings import SynthSettings


def command(
    output: options.Output,
    clips: Annotated[
        int | None, typer.Option("--clips", help="Clips in all, shared about 8:1:1.")
    ] = None,
    splits: Annotated[
        str | None, typer.Option("--splits", help="Clips by split, such as train=20,val=6.")
    ] = None,
    frames: Annotated[int | None, typer.Option("--frames", help="Frames of a clip.")] = None,
    size: Annotated[str | None, typer.Option("--size", help="HEIGHTxWIDTH of frames.")] = None,
    label_every: Annotated[
        int | None,
        typer.Option("--label-every", help="List the label of every K-th training frame."),
    ] = None,
    noise: Annotated[
        float | None, typer.Option("--noise", help="Pixel noise, grey levels.")
    ] = None,
    drift: Annotated[
        float | None, typer.Option("--drift", help="Drift of brightness, 0 to 0.9.")
    ] = None,
    motion_blur: Annotated[
        float | None, typer.Option("--motion-blur", help="Open time of the shutter, 0 to 1.")
    ] = None,
    alpha: Annotated[
        bool | None, typer.Option("--alpha/--no-alpha", help="Write soft masks too.")
    ] = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    seed: options.Seed = None,
    workers: options.Workers = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make synthetic street scenes with exact labels, instances and optical flow.

    Reads nothing; writes dataset.json, frames/, labels/, instances/ and truth-flow/.

    $ vstc data synth -o data/synth
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.data.synth.dataset import make_synth_dataset
    from vstc.data.synth.settings import SynthSettings, share_clips
    from vstc.errors import ConfigError

    console.set_verbosity(quiet=quiet, verbose=verbose)
    if clips is not None and splits is not None:
        raise ConfigError("--clips and --splits exclude each other", hint="give one of them")
    flags = {
        "splits": splits if clips is None else share_clips(clips),
        "frames": frames,
        "size": size,
        "label_every": label_every,
        "seed": seed,
        "noise": noise,
        "drift": drift,
        "motion_blur": motion_blur,
        "alpha": alpha,
    }
    settings = resolve(SynthSettings, config_file=config, sets=sets, flags=flags)
    started = time.monotonic()
    with console.track("synth", settings.num_clips * settings.frames, unit="frames") as advance:
        done = make_synth_dataset(
            output,
            settings,
            existing=options.existing_output(resume=resume, overwrite=overwrite),
            dry_run=dry_run,
            workers=workers or os.cpu_count() or 1,
            advance=advance,
        )
    if done.was_complete:
        console.note(f"{output} is complete: nothing to do")
    rate = done.num_new_frames / max(time.monotonic() - started, 1e-6)
    result = _result(done, settings, output) | {"dry_run": dry_run}
    # A rate only where something was made: never 0 for what was not measured.
    result["frames_per_second"] = round(rate, 1) if done.num_new_frames else None
    console.result(result, as_json=as_json, render=lambda: _table(result))


def _result(done: SynthResult, settings: SynthSettings, output: Path) -> dict[str, Any]:
    return {
        "dataset": done.record.name,
        "output": str(output),
        "truth_flow": str(output / "truth-flow"),
        "num_classes": sum(not entry.ignore for entry in done.record.classes),
        "size": list(settings.size),
        "splits": {
            split: {
                "clips": count,
                "frames": count * settings.frames,
                "labelled": count * len(settings.labelled_frames(split)),
            }
            for split, count in settings.splits.items()
        },
    }


def _table(result: Mapping[str, Any]) -> Any:
    from rich.table import Table

    height, width = result["size"]
    rate = result["frames_per_second"]
    speed = f", {rate:.0f} frames/s" if rate else ""
    table = Table(title=f"synth: {result['num_classes']} classes, {width}x{height}{speed}")
    for heading in ("split", "clips", "frames", "labelled"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for split, counts in result["splits"].items():
        table.add_row(split, *(str(value) for value in counts.values()))
    return table
