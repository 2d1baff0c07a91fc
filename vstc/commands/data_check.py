"""``vstc data check``: read a whole data set once and list its faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.formats.dataset import Clip, Dataset

SHOWN_FAULTS = 20
KIND = "vstc.check"


def command(
    dataset: Annotated[Path, typer.Argument(help="Data set: folder or dataset.json.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for check.json, if one is wanted."),
    ] = None,
    split: options.Split = None,
    limit: options.Limit = None,
    workers: options.Workers = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Read every frame and label of a data set once and list what is wrong.

    Reads a dataset.json and all files it names; writes nothing, or check.json with -o. Prints
    sizes and pixel shares. Exit 6 when there are faults. --limit counts clips.

    $ vstc data check runs/camvid
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.formats.dataset import dataset_ref, load_dataset

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    inputs = [dataset_ref("dataset", dataset)]
    data = load_dataset(dataset)
    clips = data.select(split, limit=limit)
    settings = {"split": split, "limit": limit}
    if output is None:
        report = _check(data, clips, workers=workers)
    elif dry_run:
        check_output(output, kind=KIND, config=settings, inputs=inputs, existing=existing)
        report = _check(data, clips, workers=workers)
    else:
        with open_artifact(
            output, kind=KIND, config=settings, inputs=inputs, existing=existing
        ) as workspace:
            if workspace.is_complete:
                console.note(f"{output} is complete: nothing to do")
                report = _read(output / "check.json")
            else:
                report = _check(data, clips, workers=workers)
                workspace.write_json("check.json", report)
                faults = len(report["faults"])
                workspace.finish(metrics={"frames": report["frames_read"], "faults": faults})
    console.result(report, as_json=as_json, render=lambda: _render(report))
    _fail_on_faults(report, dataset)


def _check(data: Dataset, clips: list[Clip], *, workers: int | None) -> dict[str, Any]:
    from vstc import console
    from vstc.data.check import check_dataset, count_units

    with console.track("check", count_units(data, clips), unit="frames") as advance:
        return check_dataset(data, clips, workers=workers, advance=advance).as_json()


def _read(path: Path) -> dict[str, Any]:
    import json

    from vstc.errors import InputError

    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return report
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}", hint="start anew: --overwrite") from error


def _fail_on_faults(report: Mapping[str, Any], dataset: Path) -> None:
    from vstc.errors import CheckFailed

    faults = report["faults"]
    if not faults:
        return
    first = faults[0]
    where = f"{first['clip']} {first['frame']}".strip()
    raise CheckFailed(
        f"{dataset} has {len(faults)} fault(s), first in {where}: {first['message']}",
        hint="repair the files, or index the data set again without them",
    )


def _render(report: Mapping[str, Any]) -> Any:
    from rich.console import Group

    parts = [_shares(report)]
    parts += [f"remark: {remark}" for remark in report["remarks"]]
    faults = report["faults"]
    for fault in faults[:SHOWN_FAULTS]:
        parts.append(f"FAULT {fault['clip']} {fault['frame']}: {fault['message']}")
    if len(faults) > SHOWN_FAULTS:
        parts.append(f"and {len(faults) - SHOWN_FAULTS} more; --json lists all")
    parts.append(f"{report['frames_read']} frames read, {len(faults)} fault(s)")
    return Group(*parts)


def _shares(report: Mapping[str, Any]) -> Any:
    from rich.table import Table

    splits = report["splits"]
    table = Table("pixels in percent", title=str(report["dataset"]))
    for split in splits:
        table.add_column(split["split"], justify="right")
    for c, entry in enumerate(splits[0]["classes"] if splits else []):
        shares = [split["classes"][c]["percent"] for split in splits]
        cells = ["-" if share is None else f"{share:.2f}" for share in shares]
        table.add_row(f"{entry['id']} {entry['name']}", *cells)
    table.add_section()
    for what in ("clips", "frames", "labelled"):
        table.add_row(what, *(str(split[what]) for split in splits))
    sizes = [", ".join(f"{size} ({n})" for size, n in s["sizes"].items()) for s in splits]
    table.add_row("size (frames)", *sizes)
    return table
