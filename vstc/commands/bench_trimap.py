"""``vstc bench trimap``: how many trimaps a core makes in a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from vstc import options


def command(
    size: Annotated[str, typer.Option("--size", help="HEIGHTxWIDTH of a frame.")] = "480x854",
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames of the clip.")] = 60,
    objects: Annotated[int, typer.Option("--objects", min=1, help="Objects in a frame.")] = 1,
    radius: Annotated[
        float, typer.Option("--radius", min=0, help="Of the band, in pixels.")
    ] = 10.0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure trimap export on a made-up clip: the stages of one trimap, and the whole.

    Reads nothing; writes nothing that stays. Figures are CPU time of one core, so that other work
    on the machine does not change them.

    $ vstc bench trimap --size 480x854
    """
    from vstc import console
    from vstc.bench.trimaps import bench_trimaps
    from vstc.commands.training import parse_crop

    console.set_verbosity(quiet=quiet, verbose=verbose)
    measured = bench_trimaps(
        size=parse_crop(size, option="--size") or (480, 854),
        num_frames=frames,
        num_objects=objects,
        radius=radius,
    ).as_json()
    console.result(measured, as_json=as_json, render=lambda: _table(measured))


def _table(measured: Mapping[str, Any]) -> Any:
    from rich.table import Table

    share = 100 * measured["object_share"]
    table = Table(
        "stage",
        "ms a trimap",
        "a second",
        title=f"band of {measured['radius']:g} px at {measured['width']}x{measured['height']}, "
        f"{measured['objects']} object(s) of {share:.1f} % of the frame, one core",
    )
    for stage, value in measured["stage_ms"].items():
        table.add_row(stage, f"{value:.2f}", f"{1000 / value:.0f}" if value else "-")
    table.add_section()
    stages_ms = 1000 / measured["stages_per_second"]
    table.add_row("all stages", f"{stages_ms:.2f}", f"{measured['stages_per_second']:.0f}")
    table.add_row("export", f"{measured['export_ms']:.2f}", f"{measured['export_per_second']:.0f}")
    return table
