"""``vstc trimap export``: masks over time become trimaps that matting programs accept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.trimaps.checks.consumers import Consumer
    from vstc.trimaps.export import ExportPlan


def command(
    instances: Annotated[
        Path, typer.Argument(help="Tracks of vstc instances, or a folder of PNG with --format.")
    ],
    output: options.Output,
    format: Annotated[
        str | None, typer.Option("--format", help="ids, masks, alpha or probabilities (PNG).")
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="band (default); indexnet, dim, gca for training.")
    ] = None,
    radius: Annotated[
        float | None, typer.Option("--radius", help="Of the band, in pixels; default: 10.")
    ] = None,
    relative: Annotated[
        float | None,
        typer.Option("--relative", help="Radius as a share of the square root of the area."),
    ] = None,
    smooth: Annotated[
        bool | None, typer.Option("--smooth", help="Median over three frames along flow.")
    ] = None,
    flow: Annotated[
        Path | None, typer.Option("--flow", help="Stored flow for --smooth; else computed.")
    ] = None,
    merged: Annotated[
        bool | None, typer.Option("--merged", help="One trimap of all objects, too.")
    ] = None,
    overlay: Annotated[
        bool | None, typer.Option("--overlay", help="A video of frames and trimaps, too.")
    ] = None,
    tracks: Annotated[
        str | None, typer.Option("--tracks", help="Only these numbers, comma separated.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all back as programs do; exit 6 if one cannot.")
    ] = False,
    consumers: Annotated[
        str | None, typer.Option("--consumers", help="Programs for --verify; default: all known.")
    ] = None,
    seed: options.Seed = None,
    limit: options.Limit = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    workers: options.Workers = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make a trimap of each object in each frame, 0, 128 and 255.

    Reads instance tracks, or folders of PNG; writes <clip>/<track>/<frame>.png, the mask of each
    object's first frame, and statistics.

    $ vstc trimap export runs/tracks -o runs/trimaps --verify
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.config import resolve
    from vstc.trimaps.checks.verify import choose_consumers
    from vstc.trimaps.export import export_trimaps, plan_export
    from vstc.trimaps.layout import KIND, tracks_file
    from vstc.trimaps.settings import ExportSettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    flags = {"format": format, "rule": rule, "radius": radius, "relative": relative}
    flags |= {"smooth": smooth, "merged": merged, "overlay": overlay, "tracks": tracks}
    flags |= {"seed": seed, "limit": limit}
    settings = resolve(ExportSettings, config_file=config, sets=sets, flags=flags)
    chosen = choose_consumers(consumers)
    plan = plan_export(instances, settings, flow=flow)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    saved: dict[str, Any] = {"kind": KIND, "config": settings.as_json(), "inputs": plan.inputs}
    if dry_run:
        check_output(output, **saved, existing=existing)
        facts = {"clips": len(plan.clips), "frames": plan.num_frames, "output": str(output)}
        text = f"would write trimaps of {len(plan.clips)} clips, {plan.num_frames} frames"
        console.result(facts, as_json=as_json, render=lambda: text)
        return
    with open_artifact(output, **saved, existing=existing) as workspace:
        is_whole = all((output / tracks_file(clip.id)).is_file() for clip in plan.clips)
        if workspace.is_complete and is_whole:
            console.note(f"{output} is complete: nothing to do")
            totals = (workspace.manifest or {})["metrics"]
        else:
            with console.track("trimaps", plan.num_frames, unit="frames") as advance:
                totals = export_trimaps(plan, output, workers=workers, on_frames=advance)
            workspace.finish(metrics=totals)
    found = _verify(plan, output, chosen, workers=workers) if verify else None
    facts = {"output": str(output), **totals, "verified": found}
    console.result(facts, as_json=as_json, render=lambda: _render(facts))
    _fail(found, output)


def _verify(
    plan: ExportPlan, output: Path, consumers: dict[str, Consumer], *, workers: int | None
) -> dict[str, Any]:
    from vstc import console
    from vstc.trimaps.checks.verify import verify_export

    with console.track("verify", None, unit="files") as advance:
        return verify_export(plan, output, consumers, workers=workers, on_files=advance).as_json()


def _render(facts: Mapping[str, Any]) -> Any:
    from rich.console import Group
    from rich.table import Table

    table = Table("what", "value", title=f"trimaps in {facts['output']}")
    for key, value in facts.items():
        if key not in {"output", "verified"}:
            table.add_row(key.replace("_", " "), str(value))
    if facts["verified"] is None:
        return table
    checked = Table("program", "files", "failed", "first fault", title="read back")
    for row in facts["verified"]["consumers"]:
        checked.add_row(row["name"], str(row["files"]), str(row["failed"]), row["first"] or "-")
    return Group(table, checked)


def _fail(found: Mapping[str, Any] | None, output: Path) -> None:
    from vstc.errors import CheckFailed

    failed = [row for row in (found or {"consumers": []})["consumers"] if row["failed"]]
    if failed:
        raise CheckFailed(
            f"{output} does not serve {', '.join(row['name'] for row in failed)}: "
            f"{failed[0]['first']}",
            hint="widen what is too thin with --radius, or leave the frames out",
        )
