"""``vstc flow evaluate``: end-point error of a flow method, or of files, against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.flow.evaluate import EndpointError


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of pairs with true flow.")],
    method: Annotated[
        str, typer.Option("--method", help="dis-medium, dis-fast, dis-ultrafast, farneback.")
    ] = "dis-medium",
    finest_scale: Annotated[
        int | None,
        typer.Option("--finest-scale", help="Finest pyramid level of DIS; 0 is full size."),
    ] = None,
    estimates: Annotated[
        Path | None,
        typer.Option("--estimates", help="Judge <pair>.flo or .png here instead of a method."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure the end-point error of optical flow on pairs whose flow is known.

    Reads sub-folders with img0.png, img1.png and flow_gt.flo (Middlebury) or flow_gt.png (KITTI);
    writes nothing.

    $ vstc flow evaluate data/flow_gt --method dis-medium
    """
    from vstc import console
    from vstc.flow.evaluate import average, evaluate_files, evaluate_provider, find_truths
    from vstc.flow.providers import make_provider

    console.set_verbosity(quiet=quiet, verbose=verbose)
    params = {} if finest_scale is None else {"finest_scale": finest_scale}
    truths = find_truths(folder)
    if estimates is None:
        rows = evaluate_provider(truths, make_provider(method, params))
    else:
        rows = evaluate_files(truths, estimates)
    mean, judged = average(rows), method if estimates is None else str(estimates)
    console.result(
        {"method": judged, "pairs": [row.as_json() for row in rows], "mean": mean.as_json()},
        as_json=as_json,
        render=lambda: _table(judged, [*rows, mean]),
    )


def _table(judged: str, rows: list[EndpointError]) -> Any:
    from rich.table import Table

    table = Table("pair", title=f"end-point error of {judged}")
    for name in ("known", "mean |truth|", "mean", "median", "Fl-all"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            f"{100 * row.known_share:.1f} %",
            f"{row.mean_magnitude:.2f} px",
            f"{row.mean:.2f} px",
            f"{row.median:.2f} px",
            f"{100 * row.outlier_share:.1f} %",
        )
    return table
