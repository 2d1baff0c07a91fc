"""The commands of ``vstc data index`` for data sets of objects, faces and mattes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vstc import options
from vstc.commands.data_index_result import index_layout, print_index, write_and_print


def davis(
    root: Annotated[Path, typer.Argument(help="Folder of DAVIS, or of <clip>/frames, masks.")],
    output: options.Output,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Index DAVIS and what is laid out like it; classes are background and object.

    Reads names below ROOT and the sizes of all masks; writes dataset.json, which points to the
    images where they are.

    $ vstc data index davis data/davis -o runs/davis
    """
    from vstc import console

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    index_layout("davis", root, output, existing=existing, dry_run=dry_run, as_json=as_json)


def youtube_vis(
    root: Annotated[Path, typer.Argument(help="Folder of train/, valid/ and so on.")],
    output: options.Output,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Index the frames and classes of YouTube-VIS.

    Reads the JSON files below ROOT; writes dataset.json, which points to the images where they
    are. It has no labels: vstc instances import reads the masks.

    $ vstc data index youtube-vis data/youtube-vis -o runs/youtube-vis
    """
    from vstc import console

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    index_layout("youtube-vis", root, output, existing=existing, dry_run=dry_run, as_json=as_json)


def vw300_mask(
    root: Annotated[Path, typer.Argument(help="Folder of images_orig, labels_orig.")],
    output: options.Output,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Index 300VW-Mask: parts of faces, coded as ids or as colours.

    Reads the lists in ROOT and a label of each clip; writes dataset.json, which points to the
    images where they are.

    $ vstc data index 300vw-mask data/300VW-Mask-Dataset -o runs/faces
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.data.index.vw300_mask import Vw300Settings, find_vw300_mask

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = resolve(Vw300Settings, config_file=config, sets=sets)
    write_and_print(
        find_vw300_mask(root, settings),
        output,
        settings.as_json() | {"layout": "300vw-mask"},
        existing=options.existing_output(resume=resume, overwrite=overwrite),
        dry_run=dry_run,
        as_json=as_json,
    )


def matting(
    root: Annotated[Path, typer.Argument(help="Folder of alpha/, fg/ and bg/.")],
    output: options.Output,
    config: options.ConfigFile = None,
    sets: options.Sets = None,
    seed: options.Seed = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make a data set for matting: foregrounds over backgrounds, with alpha and trimaps.

    Reads the images in ROOT; writes composited frames, their alpha and trimaps, and
    dataset.json. Without backgrounds the foregrounds are the frames.

    $ vstc data index matting data/humans --seed 0 -o runs/matting
    """
    from vstc import console
    from vstc.config import resolve
    from vstc.data.matting.layout import find_matting
    from vstc.data.matting.settings import MattingSettings
    from vstc.data.matting.write import write_matting

    console.set_verbosity(quiet=quiet, verbose=verbose)
    settings = resolve(MattingSettings, config_file=config, sets=sets, flags={"seed": seed})
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    files = find_matting(root, settings)
    with console.track("composite", len(files.foregrounds), unit="foregrounds") as advance:
        done = write_matting(
            files, output, settings, existing=existing, dry_run=dry_run, advance=advance
        )
    print_index(done, output, dry_run=dry_run, as_json=as_json)
