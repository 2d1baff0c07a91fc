"""``vstc bench carry``: how well true labels survive being carried along flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options


def command(
    dataset: Annotated[Path, typer.Argument(help="Data set with a clip labelled throughout.")],
    clip: Annotated[
        str | None, typer.Option("--clip", help="The clip; default: the longest that serves.")
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option("--rows", help="Beginnings of row names, semicolons between; default: all."),
    ] = None,
    distances: Annotated[
        str, typer.Option("--distances", help="Frames between key frame and target.")
    ] = "1,2,4,9",
    look_ahead: Annotated[
        bool, typer.Option("--look-ahead/--no-look-ahead", help="Compare with looking ahead too.")
    ] = True,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure what flow and warping cost, with true labels in place of a network.

    Reads frames and labels of one clip; writes nothing. Every frame's labels are carried to the
    frames behind it and compared there: mIoU in percent, void in either map left out.

    $ vstc bench carry runs/camvid --clip 0016E5_dense_all
    """
    from vstc import console
    from vstc.bench.carry import (
        bench_carry,
        bench_look_ahead,
        choose_cases,
        find_clip,
        parse_distances,
        runnable_cases,
    )
    from vstc.flow.providers import one_opencv_thread
    from vstc.formats.dataset import load_dataset

    console.set_verbosity(quiet=quiet, verbose=verbose)
    wanted = parse_distances(distances)
    named = choose_cases(rows)
    cases = runnable_cases(named)
    if len(cases) < len(named):
        console.note("rows of motion vectors are left out: they need PyAV, the extra video")
    data = load_dataset(dataset)
    chosen = find_clip(data, clip)
    passes = len(cases) + (2 if look_ahead else 0)
    total = passes * len(chosen.frames)
    with one_opencv_thread(), console.track("carry", total, unit="frames") as advance:
        measured = bench_carry(data, chosen, cases, distances=wanted, advance=advance)
        ahead = bench_look_ahead(data, chosen, advance=advance) if look_ahead else []
    facts = {
        "clip": chosen.id,
        "frames": len(chosen.frames),
        "rows": [row.as_json() for row in measured],
        "look_ahead": [row.as_json() for row in ahead],
    }
    console.result(facts, as_json=as_json, render=lambda: _tables(facts))


def _tables(facts: dict[str, Any]) -> Any:
    from rich.console import Group

    tables = [_scores(facts)]
    masks = [row for row in facts["rows"] if row["scores"][0]["masks"]]
    if masks:
        tables.append(_masks(masks))
    if facts["look_ahead"]:
        tables.append(_look_ahead(facts["look_ahead"]))
    return Group(*tables)


def _scores(facts: dict[str, Any]) -> Any:
    from rich.table import Table

    first = facts["rows"][0]["scores"]
    table = Table("true labels carried", title=f"mIoU in %, {facts['clip']}")
    for score in first:
        table.add_column(f"k = {score['distance']}", justify="right")
    for row in facts["rows"]:
        table.add_row(row["name"], *(_percent(score["miou"]) for score in row["scores"]))
    return table


def _masks(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("mask", "radius", title="flagged % / found % of the wrong pixels")
    for score in rows[0]["scores"]:
        table.add_column(f"k = {score['distance']}", justify="right")
    for row in rows:
        for place, first in enumerate(row["scores"][0]["masks"]):
            masks = [score["masks"][place] for score in row["scores"]]
            cells = [f"{_percent(m['flagged'])} / {_percent(m['recall'])}" for m in masks]
            table.add_row(row["name"] if place == 0 else "", str(first["radius"]), *cells)
    return table


def _look_ahead(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("interval", "from the past", title="all frames between key frames, mIoU in %")
    for name in ("causal", "look-ahead"):
        table.add_column(name, justify="right")
    for row in rows:
        cells = (_percent(row["causal_miou"]), _percent(row["miou"]))
        table.add_row(str(row["gap"]), str(row["from_past"]), *cells)
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"
