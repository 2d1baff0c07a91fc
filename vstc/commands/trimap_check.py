"""``vstc trimap check``: what is wrong with trimaps of any origin, and the repair."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.trimaps.checks.foreign import TrimapFiles

KIND = "vstc.trimap-check"
REPAIRED = "trimaps"
REPORT = "check.json"
SHOWN_FILES = 20


def command(
    trimaps: Annotated[Path, typer.Argument(help="Folder of trimaps, or one file.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for repaired files, if they are wanted."),
    ] = None,
    workers: options.Workers = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Say what is wrong with each trimap of a folder.

    Reads images of any flavour: colour, palette, alpha channel, other values than 0, 128, 255.
    Writes nothing, or the repaired files and check.json with -o. Exit 6 when faults are left.

    $ vstc trimap check downloaded/trimaps -o runs/repaired
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.trimaps.checks.foreign import TrimapFiles

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    files = TrimapFiles(trimaps)
    saved: dict[str, Any] = {"kind": KIND, "config": {}, "inputs": [files.reference()]}
    if output is None or dry_run:
        if output is not None:
            check_output(output, **saved, existing=existing)
        report = _check(files, None, workers=workers)
    else:
        with open_artifact(output, **saved, existing=existing) as workspace:
            if workspace.is_complete and workspace.has(REPORT):
                console.note(f"{output} is complete: nothing to do")
                report = _read(output / REPORT)
            else:
                report = _check(files, output / REPAIRED, workers=workers)
                workspace.write_json(REPORT, report)
                counted = {key: report[key] for key in ("files", "absent", "written")}
                workspace.finish(metrics=counted | {"faulty": len(report["faults"])})
    console.result(report, as_json=as_json, render=lambda: _render(report))
    _fail(report, trimaps, is_repaired=output is not None and not dry_run)


def _check(files: TrimapFiles, output: Path | None, *, workers: int | None) -> dict[str, Any]:
    from vstc import console
    from vstc.trimaps.checks.foreign import check_trimaps

    with console.track("check", len(files.names), unit="files") as advance:
        return check_trimaps(files, output=output, workers=workers, on_files=advance).as_json()


def _read(path: Path) -> dict[str, Any]:
    import json

    from vstc.errors import InputError

    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return report
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}", hint="start anew: --overwrite") from error


def _render(report: Mapping[str, Any]) -> Any:
    from rich.console import Group
    from rich.table import Table

    table = Table("file", "repairable", "lasting")
    for row in report["faults"][:SHOWN_FILES]:
        table.add_row(row["file"], "\n".join(row["repairable"]), "\n".join(row["lasting"]))
    parts: list[Any] = [table] if report["faults"] else []
    if len(report["faults"]) > SHOWN_FILES:
        parts.append(f"and {len(report['faults']) - SHOWN_FILES} more; --json lists all")
    misread = [f"{name} {count}" for name, count in report["misread"].items() if count]
    if misread:
        parts.append(f"files that programs misread as they are: {', '.join(misread)}")
    parts.append(
        f"{report['files']} files read, {len(report['faults'])} with faults, "
        f"{report['absent']} without an object, {report['written']} written"
    )
    return Group(*parts)


def _fail(report: Mapping[str, Any], place: Path, *, is_repaired: bool) -> None:
    from vstc.errors import CheckFailed

    left = [row for row in report["faults"] if row["lasting"] or not is_repaired]
    if not left:
        return
    fault = [*left[0]["lasting"], *left[0]["repairable"]][0]
    hint = None if is_repaired else "add -o FOLDER to write them out repaired, as far as possible"
    raise CheckFailed(
        f"{place} has {len(left)} file(s) with faults, first {left[0]['file']}: {fault}", hint=hint
    )
