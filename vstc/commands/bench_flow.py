"""``vstc bench flow``: the rate of flow precompute beside that of the flow method alone."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vstc import options


def command(
    methods: Annotated[
        str, typer.Option("--methods", help="Flow methods, comma separated.")
    ] = "dis-ultrafast,dis-fast,dis-medium",
    size: Annotated[str, typer.Option("--size", help="HEIGHTxWIDTH of a frame.")] = "1024x2048",
    frames: Annotated[int, typer.Option("--frames", min=3, help="Frames of the clip.")] = 13,
    workers: options.Workers = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure flow precompute, compression included, on a made-up clip.

    Reads nothing; writes nothing that stays. The bound is workers times the rate of one thread
    that computes flow and does nothing else.

    $ vstc bench flow --size 360x480 --methods dis-medium
    """
    from dataclasses import asdict

    from vstc import console
    from vstc.bench.flow import bench_flow
    from vstc.commands.training import parse_crop

    console.set_verbosity(quiet=quiet, verbose=verbose)
    measured = bench_flow(
        methods=methods.split(","),
        size=parse_crop(size, option="--size") or (1024, 2048),
        num_frames=frames,
        workers=workers,
    )
    rows = [asdict(row) for row in measured]
    console.result({"rows": rows}, as_json=as_json, render=lambda: _table(rows))


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    first = rows[0]
    table = Table(
        title=f"flow fields per second at {first['width']}x{first['height']}, "
        f"{first['workers']} workers"
    )
    columns = {
        "method": "method",
        "single_ms": "1 thread ms",
        "bound_per_second": "bound /s",
        "memory_per_second": "memory /s",
        "disk_per_second": "from PNG /s",
        "memory_ratio": "of bound",
        "memory_cpu_ratio": "of bound, CPU time",
        "field_bytes": "bytes a field",
    }
    for name in columns.values():
        table.add_column(name, justify="left" if name == "method" else "right")
    for row in rows:
        cells = [row[key] for key in columns]
        table.add_row(*(f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells))
    return table
