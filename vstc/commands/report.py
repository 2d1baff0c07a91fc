"""``vstc report``: one HTML file that shows artifacts to people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vstc import options


def command(
    artifacts: Annotated[
        list[Path],
        typer.Argument(help="Folders of artifacts, of any kind; the first run is the reference."),
    ],
    output: options.Output,
    title: Annotated[str | None, typer.Option("--title", help="Title of the page.")] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="NAME=ARTIFACT: what its run is called; may be repeated."),
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
    """Show artifacts in one self-contained HTML file: scores, pictures, curves and ancestry.

    Reads data sets, flow, runs, predictions, metrics, any artifact; writes report.html.

    $ vstc report runs/eval-baseline runs/eval-student runs/student -o runs/report
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.report.build import ReportSettings, write_report
    from vstc.report.sources import parse_names

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    flags = {"title": title, "names": parse_names(name) or None}
    settings = resolve(ReportSettings, config_file=config, sets=sets, flags=flags)
    report = write_report(artifacts, output, settings=settings, existing=existing, dry_run=dry_run)
    for text in report.notes:
        console.warn(text)
    told = report.as_json() | {"dry_run": dry_run}
    console.result(told, as_json=as_json, render=lambda: _lines(told))


def _lines(told: dict[str, Any]) -> str:
    verb = "would write" if told["dry_run"] else "wrote"
    lines = [
        f"{verb} {told['report']}, {told['bytes'] / 1e6:.1f} MB: {', '.join(told['sections'])}"
    ]
    if told["headline"]:
        lines.insert(0, told["headline"])
    return "\n".join(lines)
