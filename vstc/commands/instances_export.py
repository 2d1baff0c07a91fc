"""``vstc instances export``: an archive of instance masks as files of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options


def command(
    instances: Annotated[Path, typer.Argument(help="Folder of instance masks.")],
    output: options.Output,
    form: Annotated[
        str | None,
        typer.Option("--format", help="davis (default), files, youtube-vis, coco, sa-v, panoptic."),
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
    """Export masks of objects in the form of another program.

    Reads an archive of instance masks; writes maps of ids, a file for each object, or JSON.

    $ vstc instances export runs/masks --format youtube-vis -o runs/youtube-vis
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.formats.objects.store import InstanceArchive
    from vstc.instances.exchange.exporting import clips_to_export, export_instances
    from vstc.instances.exchange.settings import ExportSettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = resolve(ExportSettings, config_file=config, sets=sets, flags={"format": form})
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    archive = InstanceArchive(instances)
    clips = clips_to_export(archive, settings)
    frames = sum(len(clip.frame_names) for clip in clips)
    with console.track("export", frames, unit="frames") as advance:
        export_instances(
            archive, output, settings, existing=existing, dry_run=dry_run, advance=advance
        )
    result = {
        "output": str(output),
        "dry_run": dry_run,
        "format": settings.format,
        "clips": [clip.id for clip in clips],
        "frames": frames,
    }
    verb = "would write" if dry_run else "wrote"
    line = f"{verb} {frames} frames of {len(clips)} clips as {settings.format} to {output}"
    console.result(result, as_json=as_json, render=lambda: line)
