"""``vstc evaluate efficiency``: how large and how fast a network is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options
from vstc.commands.network import Checkpoint
from vstc.commands.training import parse_crop


def command(
    run: Annotated[Path, typer.Argument(help="Run folder or checkpoint.")],
    size: Annotated[
        str | None,
        typer.Option("--size", help="HEIGHTxWIDTH of the frames; default: 1024x2048."),
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Frames at once.")] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", min=1, help="Timed calls, at least.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads on the CPU; default: torch's.")
    ] = None,
    checkpoint: Checkpoint = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for efficiency.json, if one is wanted."),
    ] = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    device: options.Device = "auto",
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure what a network costs: parameters, multiply-adds, frames per second, peak memory.

    Reads a run; writes nothing, or efficiency.json with -o. Times are of the network alone, images
    to class ids on the device, and of whole frames in memory; each call is waited for.

    $ vstc evaluate efficiency runs/student --size 1024x2048 -o runs/student-efficiency
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.inference.efficiency_artifact import plan_efficiency, run_efficiency
    from vstc.inference.settings import EfficiencySettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    flags = {
        "size": parse_crop(size, option="--size"),
        "batch": batch,
        "calls": repeats,
        "threads": threads,
        "checkpoint": checkpoint,
        "device": None if device == "auto" else device,
    }
    settings = resolve(EfficiencySettings, config_file=config, sets=sets, flags=flags)
    plan = plan_efficiency(run, settings, output=output, existing=existing)
    if dry_run:
        work = {"dry_run": True, "device": str(plan.network.device), "size": list(settings.size)}
        text = f"would measure {run} on {plan.network.device}"
        console.result(work, as_json=as_json, render=lambda: text)
        return
    record = run_efficiency(plan, on_part=lambda part: console.note(f"measuring: {part}"))
    console.result(record, as_json=as_json, render=lambda: _tables(record))


def _tables(record: dict[str, Any]) -> Any:
    from rich.console import Group

    return Group(_title(record), _sizes(record), _times(record))


def _sizes(record: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table()
    for name in ("params", "of these in use", "GMACs", "peak MB"):
        table.add_column(name, justify="right")
    table.add_column("peak is")
    peak = record["peak_memory_bytes"]
    table.add_row(
        f"{record['num_parameters'] / 1e6:.2f} M",
        f"{record['num_parameters_inference'] / 1e6:.2f} M",
        f"{record['gmacs']:.2f}",
        "-" if peak is None else f"{peak / 1e6:.0f}",
        record["peak_memory_of"],
    )
    return table


def _times(record: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table("part")
    for name in ("fps", "mean ms", "p50 ms", "p95 ms", "calls", "from, to"):
        table.add_column(name, justify="left" if name == "from, to" else "right")
    for part, times in record["latency"].items():
        cells = [f"{times[key]:.2f}" for key in ("fps", "mean_ms", "p50_ms", "p95_ms")]
        table.add_row(part, *cells, str(times["calls"]), times["of"])
    return table


def _title(record: dict[str, Any]) -> str:
    height, width = record["size"]
    return (
        f"{record['model']}, {record['num_classes']} classes, frames of {height}x{width}, "
        f"batch {record['batch']}, {record['dtype']}, {record['device_name']}, "
        f"{record['threads']} CPU threads"
    )
