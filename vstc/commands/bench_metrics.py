"""``vstc bench metrics``: the cost of TC and Tsb beside what they are made of."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vstc import options


def command(
    size: Annotated[str, typer.Option("--size", help="HEIGHTxWIDTH of a frame.")] = "1024x2048",
    frames: Annotated[int, typer.Option("--frames", min=2, help="Frames of the TC clip.")] = 30,
    clips: Annotated[int, typer.Option("--clips", min=1, help="Clips, for the scaling.")] = 4,
    clip_frames: Annotated[
        int, typer.Option("--clip-frames", min=2, help="Frames of each of these.")
    ] = 6,
    flow_method: Annotated[
        str, typer.Option("--flow-method", help="Method of optical flow.")
    ] = "dis-medium",
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Runs; medians count.")] = 3,
    workers: options.Workers = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure TC and Tsb on made-up clips of street scenes.

    Reads nothing; writes nothing that stays. TC of a clip stands beside decoding its PNG files
    and computing its flow on the same cores; Tsb is that of one pair with five large classes; and
    both over several clips give the time for 100 clips of 30 frames.

    $ vstc bench metrics --workers 2
    """
    from vstc import console
    from vstc.bench.metrics import bench_metrics
    from vstc.commands.training import parse_crop

    console.set_verbosity(quiet=quiet, verbose=verbose)
    measured = bench_metrics(
        size=parse_crop(size, option="--size") or (1024, 2048),
        num_frames=frames,
        num_clips=clips,
        clip_frames=clip_frames,
        workers=workers,
        flow_method=flow_method,
        repeats=repeats,
        on_progress=lambda name: console.note(f"measuring: {name}"),
    ).as_json()
    console.result(measured, as_json=as_json, render=lambda: _tables(measured))


def _tables(measured: dict[str, Any]) -> Any:
    from rich.console import Group

    height, width = measured["size"]
    tc, pairs = measured["consistency"], measured["stability"]
    return Group(
        *_table(
            f"TC of {tc['frames']} frames at {width}x{height}, {tc['workers']} workers, "
            f"{tc['flow_method']}",
            ("", "wall s", "CPU s"),
            [
                ("decoding and flow", *_seconds(tc["parts"])),
                ("the whole evaluation", *_seconds(tc["whole"])),
                ("ratio", f"{tc['wall_ratio']:.2f}", f"{tc['cpu_ratio']:.2f}"),
            ],
        ),
        *_table(
            f"Tsb of one pair, {pairs[0]['classes']} classes, five of them with "
            f"{pairs[0]['large_points'][0]}-{pairs[0]['large_points'][1]} points",
            ("workers", "wall s", "CPU s", "of it describing", "memory MB"),
            [_pair_row(pair) for pair in pairs],
        ),
        *_table(
            "Several clips",
            ("metric", "workers", "clips", "pairs", "wall s", "CPU s", "speedup"),
            [
                (row["metric"], row["workers"], row["clips"], row["pairs"])
                + (*_seconds(row["cost"]), f"{row['speedup']:.2f}")
                for row in measured["scaling"]
            ],
        ),
        *_table(
            f"100 clips of 30 frames at {width}x{height}, from the pairs above",
            ("metric", "workers", "pairs", "measured", "wall min", "CPU min"),
            [
                (row["metric"], row["workers"], row["pairs"], row["measured_pairs"])
                + tuple(f"{row['cost'][k] / 60:.1f}" for k in ("wall_seconds", "cpu_seconds"))
                for row in measured["projection"]
            ],
        ),
    )


def _pair_row(pair: dict[str, Any]) -> tuple[Any, ...]:
    cpu, peak = pair["cpu_seconds"], pair["peak_bytes"]
    return (
        pair["workers"],
        f"{pair['wall_seconds']:.2f}",
        "" if cpu is None else f"{cpu:.2f}",
        f"{pair['describe_share']:.0%}",
        "" if peak is None else f"{peak / 1e6:.0f}",
    )


def _seconds(cost: dict[str, float]) -> tuple[str, str]:
    return f"{cost['wall_seconds']:.2f}", f"{cost['cpu_seconds']:.2f}"


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> tuple[str, Any]:
    from rich.table import Table

    table = Table()
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return title, table
