"""``vstc propagate``: key frames by a network, the frames between them along optical flow."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from vstc import options
from vstc.commands import propagate_options as own
from vstc.commands.frame_results import Frames, OptionalOutput, Stdout
from vstc.commands.network import Checkpoint


def command(
    network: own.Network,
    frames: Frames,
    output: OptionalOutput = None,
    stdout: Stdout = None,
    preset: own.Preset = None,
    mode: own.Mode = None,
    interval: own.Interval = None,
    refine: own.Refine = None,
    carry: own.Carry = None,
    scheme: own.Scheme = None,
    look_ahead: own.LookAhead = None,
    schedule: own.Schedule = None,
    flow_method: own.FlowMethod = None,
    flow: own.StoredFlow = None,
    refiner: own.RefinerRun = None,
    light: own.LightRun = None,
    merge: own.MergeRun = None,
    checkpoint: Checkpoint = None,
    split: options.Split = None,
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
    benchmark: own.Benchmark = False,
    presets: own.Presets = None,
    size: own.Size = None,
    without: own.Without = None,
    random_weights: own.RandomWeights = False,
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
    """Segment key frames, and carry their labels to the frames between along optical flow.

    Reads a network, or labels of key frames, and frames; writes <clip>/<frame>.png as vstc
    predict does, and <clip>/propagation.csv, which tells where the labels of each frame come
    from. With --benchmark it measures how fast this machine is: rates.json, .csv and .md with -o.

    $ vstc propagate runs/student drive.mp4 -o runs/drive --preset balanced --overlay
    """
    from vstc import console
    from vstc.commands.frame_results import Target, choose_target, run_on_frames
    from vstc.commands.propagate_benchmark import BenchmarkOptions, benchmark_presets, choose_preset
    from vstc.commands.propagate_inputs import NetworkPaths, prepare_job
    from vstc.propagation.run_settings import choose_settings
    from vstc.propagation.settings import STORED_FLOW

    console.set_verbosity(quiet=quiet, verbose=verbose)
    paths = NetworkPaths(network, refiner, light, flow, device, merge)
    flags = {
        "propagation.preset": preset,
        "propagation.mode": mode,
        "propagation.interval": interval,
        "propagation.refine": refine,
        "propagation.carry": carry,
        "propagation.scheme": scheme,
        "propagation.look_ahead": look_ahead,
        "propagation.schedule.kind": schedule,
        "propagation.flow.method": flow_method or (STORED_FLOW if flow else None),
        "checkpoint": checkpoint,
        "split": split,
        "overlay": overlay or None,
        "probabilities": probabilities or None,
        "format": format,
        "limit": limit,
    }
    choose = partial(choose_settings, config_file=config, sets=sets)
    how = BenchmarkOptions(presets, size, without, random_weights, limit, workers)
    how.refuse_misplaced(benchmark)
    if benchmark:
        existing = options.existing_output(resume=resume, overwrite=overwrite)
        target = Target(output, stdout, existing, is_dry_run=dry_run, as_json=as_json)
        preset_of = partial(choose_preset, choose, flags)
        benchmark_presets(paths, frames, preset_of, how, target)
        return
    trained_with = paths.trained_with(checkpoint or "best")
    settings = choose(flags=flags, has_labels=paths.has_labels, trained_with=trained_with)
    target = choose_target(
        frames,
        output,
        stdout,
        resume=resume,
        overwrite=overwrite,
        is_dry_run=dry_run,
        as_json=as_json,
        into_folder={"--overlay": settings.overlay, "--probabilities": settings.probabilities},
    )
    settings = settings.with_flow_method(paths.flow_method(settings.propagation))
    run_on_frames(
        frames,
        target,
        config=settings.as_json(),
        inputs=paths.references(),
        prepare=lambda opened: prepare_job(opened, paths, settings, workers=workers),
    )
