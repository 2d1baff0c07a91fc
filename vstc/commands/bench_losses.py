"""``vstc bench losses``: the pair-wise loss against forms that build N x N matrices."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vstc import options


def command(
    size: Annotated[int, typer.Option("--size", min=2, help="Side of the logits' grid.")] = 97,
    classes: Annotated[int, typer.Option("--classes", min=2, help="Classes.")] = 19,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Timed calls, at least.")] = 3,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure the exact pair-wise loss, forward and backward, on one thread.

    Reads nothing; writes nothing. The direct form builds both similarity matrices and their
    norm products as the released code does; the lean and the row-chunked one are the best
    explicit forms we know.

    $ vstc bench losses --size 97 --classes 19
    """
    from dataclasses import asdict

    from vstc import console
    from vstc.bench.losses import bench_losses

    console.set_verbosity(quiet=quiet, verbose=verbose)
    rows = [
        asdict(row)
        for row in bench_losses(
            size=size,
            num_classes=classes,
            repeats=repeats,
            on_progress=lambda name: console.note(f"measuring: {name}"),
        )
    ]
    console.result({"rows": rows}, as_json=as_json, render=lambda: _table(rows))


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(title="pair-wise loss, forward + backward, 1 thread, CPU time")
    for name in ("form", "seconds", "CPU s", "extra MB", "value err", "grad err", "gain", "memory"):
        table.add_column(name, justify="left" if name == "form" else "right")
    for row in rows:
        table.add_row(
            row["form"],
            f"{row['seconds']:.4f}",
            f"{row['cpu_seconds']:.4f}",
            f"{row['extra_memory_bytes'] / 1e6:.1f}",
            f"{row['value_error']:.1e}",
            f"{row['gradient_error']:.1e}",
            f"{row['speedup']:.0f}x" if row["speedup"] else "",
            f"{row['memory_ratio']:.0f}x" if row["memory_ratio"] else "",
        )
    return table
