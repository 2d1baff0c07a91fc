"""``vstc instances import``: masks of objects of another program as an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc import options

if TYPE_CHECKING:
    from vstc.instances.exchange.importing import ImportedClip


def command(
    source: Annotated[Path, typer.Argument(help="JSON file or folder of masks.")],
    output: options.Output,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="auto, davis, files, youtube-vis, coco, sa-v, panoptic or classes.",
        ),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option("--frames", help="Images of the frames: a folder, or a data set."),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", help="For results: JSON that names videos and categories."),
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option("--objects", help="For maps of classes: which are objects, comma separated."),
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
    """Import masks of objects that people or other programs made.

    Reads maps of ids (DAVIS), a file for each object, YouTube-VIS, COCO or SA-V JSON, panoptic
    maps, or maps of classes; writes the masks of each clip as one file of run lengths.

    $ vstc instances import data/davis/Annotations/480p -o runs/masks
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.instances.exchange.importing import count_frames, import_instances
    from vstc.instances.exchange.opening import open_source
    from vstc.instances.exchange.settings import ImportSettings

    console.set_verbosity(quiet=quiet, verbose=verbose)
    flags: dict[str, Any] = {"format": form}
    flags |= {"frames": _text(frames), "dataset": _text(dataset)}
    flags |= {"objects": None if objects is None else [o.strip() for o in objects.split(",")]}
    settings = resolve(ImportSettings, config_file=config, sets=sets, flags=flags)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    opened = open_source(source, settings)
    for remark in opened.masks.remarks:
        console.note(f"note: {remark}")
    with console.track("import", count_frames(opened), unit="frames") as advance:
        clips = import_instances(
            opened, output, settings, existing=existing, dry_run=dry_run, advance=advance
        )
    result = {
        "output": str(output),
        "dry_run": dry_run,
        "format": opened.masks.form,
        "has_identity": opened.masks.has_identity,
        "categories": [category.name for category in opened.masks.categories],
        "clips": [clip.as_json() for clip in clips],
        "remarks": list(opened.masks.remarks),
    }
    title = f"{opened.masks.form} masks in {source}"
    console.result(result, as_json=as_json, render=lambda: _table(clips, title))


def _table(clips: list[ImportedClip], title: str) -> Any:
    from rich.table import Table

    table = Table(title=title)
    for heading in ("clip", "size", "frames", "masks", "tracks", "most in a frame", "images"):
        table.add_column(heading, justify="left" if heading == "clip" else "right")
    for clip in clips:
        table.add_row(
            clip.id,
            f"{clip.size[1]}x{clip.size[0]}",
            str(clip.frames),
            str(clip.masks),
            "unknown" if clip.tracks is None else str(clip.tracks),
            str(clip.most),
            "yes" if clip.has_images else "no",
        )
    return table


def _text(path: Path | None) -> str | None:
    return None if path is None else path.as_posix()
