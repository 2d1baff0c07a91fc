"""``vstc evaluate compare``: runs beside each other, with intervals, ranks and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of vstc evaluate, the reference first; of evaluate efficiency and "
            "propagate --benchmark, too."
        ),
    ],
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="NAME=RUN: what a run is called; may be repeated."),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option("--scores", help="Scores to show, such as miou,tc,fps; default: all."),
    ] = None,
    allow_different: Annotated[
        bool,
        typer.Option("--allow-different", help="Compare what was judged differently, too."),
    ] = False,
    resamples: Annotated[
        int | None,
        typer.Option("--resamples", min=0, help="Draws of clips; default: 2000, 0 for none."),
    ] = None,
    level: Annotated[
        float | None, typer.Option("--level", help="What intervals hold; default: 0.95.")
    ] = None,
    seed: options.Seed = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for tables and pictures, if wanted."),
    ] = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Compare runs with the first one: all scores, differences with intervals, and ranks.

    Reads metrics, efficiency and rates artifacts; writes nothing, or with -o comparison.json,
    table.csv, .md and .tex, tradeoff.svg and .png, and .csv where rates are known. Intervals come
    from drawing clips anew, for both runs alike. Runs that were judged differently are refused. A
    run has the rate of the operating point whose settings, network and refiner are all its own.

    $ vstc evaluate compare runs/eval-baseline runs/eval-student -o runs/comparison
    """
    from vstc import console
    from vstc.commands.compare_result import tables
    from vstc.config import resolve
    from vstc.evaluation.compare.settings import CompareSettings
    from vstc.evaluation.settings import parse_names as split_names
    from vstc.report.compare import compare_artifacts
    from vstc.report.sources import parse_names

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    flags = {
        "names": parse_names(name) or None,
        "scores": split_names(scores),
        "allow_different": allow_different or None,
        "resamples": resamples,
        "level": level,
        "seed": seed,
    }
    settings = resolve(CompareSettings, config_file=config, sets=sets, flags=flags)
    compared = compare_artifacts(runs, settings, output=output, existing=existing, dry_run=dry_run)
    for text in compared.record["warnings"]:
        console.warn(text)
    for text in compared.record["notes"]:
        console.note(text)
    record = compared.record | ({"dry_run": True} if dry_run else {})
    console.result(record, as_json=as_json, render=lambda: tables(compared.comparison))
