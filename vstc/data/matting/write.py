"""Write a matting data set: frames, alpha and trimaps, foreground by foreground."""

from __future__ import annotations

from pathlib import Path

from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.data.index.classes import ClassTable, encoded_table
from vstc.data.index.source import Advance
from vstc.data.index.summary import ClipSummary, summarise
from vstc.data.index.write import IndexResult
from vstc.data.matting.compose import composite, trimap_of
from vstc.data.matting.layout import Foreground, MattingFiles
from vstc.data.matting.settings import MattingSettings
from vstc.formats.alpha import encode_alpha, read_alpha
from vstc.formats.dataset import (
    KIND,
    Clip,
    Dataset,
    DatasetRecord,
    load_dataset,
    write_dataset,
)
from vstc.formats.images import encode_gray, encode_rgb, image_size, read_rgb
from vstc.formats.label_encoding import LabelEncoding
from vstc.options import ExistingOutput

FRAMES, ALPHA, TRIMAPS = "frames", "alpha", "trimaps"


def write_matting(
    files: MattingFiles,
    output: Path,
    settings: MattingSettings,
    *,
    existing: ExistingOutput,
    dry_run: bool,
    advance: Advance,
) -> IndexResult:
    """Composite all frames into a data set artifact; a foreground is a clip of unrelated frames.

    Args:
        files: What is composited.
        output: Folder of the artifact.
        settings: Recorded in the manifest.
        existing: What to do when the folder is there already.
        dry_run: Write nothing.
        advance: Takes the number of foregrounds just done.

    Raises:
        InputError: An image is not readable; foregrounds before it are kept.
        OutputError: As ``open_artifact``.
    """
    record = _record(files, settings)
    inputs = [files.as_input()]
    config = settings.as_json() | {"layout": "matting"}
    if dry_run:
        check_output(output, kind=KIND, config=config, inputs=inputs, existing=existing)
        dataset = Dataset(record, output)
        return IndexResult(dataset, _summaries(files, record), [], was_complete=False)
    with open_artifact(
        output, kind=KIND, config=config, inputs=inputs, existing=existing
    ) as workspace:
        if workspace.is_complete:
            dataset = load_dataset(output)
            return IndexResult(dataset, summarise(dataset), [], was_complete=True)
        for number, foreground in enumerate(files.foregrounds, start=1):
            _write_clip(foreground, files.root, workspace, settings)
            workspace.progress(number, len(files.foregrounds))
            advance(1)
        write_dataset(output, record)
        dataset = Dataset(record, output)
        frames = sum(len(clip.frames) for clip in record.clips)
        workspace.finish(metrics={"clips": len(record.clips), "frames": frames, "labelled": frames})
    return IndexResult(dataset, summarise(dataset), [], was_complete=False)


def _record(files: MattingFiles, settings: MattingSettings) -> DatasetRecord:
    table = encoded_table(LabelEncoding.TRIMAPS)
    assert isinstance(table, ClassTable)
    return DatasetRecord(
        name=settings.name or files.root.name,
        root=".",
        classes=list(table.classes),
        ignore_index=table.ignore_index,
        label_encoding=LabelEncoding.TRIMAPS,
        clips=[_clip(foreground, settings.split) for foreground in files.foregrounds],
    )


def _clip(foreground: Foreground, split: str) -> Clip:
    return Clip(
        id=foreground.id,
        split=split,
        frames=[_file(FRAMES, foreground, name) for name in foreground.frame_names],
        labels={name: _file(TRIMAPS, foreground, name) for name in foreground.frame_names},
    )


def _file(folder: str, foreground: Foreground, name: str) -> str:
    return f"{folder}/{foreground.id}/{name}.png"


def _write_clip(
    foreground: Foreground, root: Path, workspace: Workspace, settings: MattingSettings
) -> None:
    names = dict(enumerate(foreground.frame_names))
    lacking = [i for i in names if not workspace.has(_file(FRAMES, foreground, names[i]))]
    if not lacking:
        return
    alpha, image = read_alpha(root / foreground.alpha), read_rgb(root / foreground.image)
    matte = encode_alpha(alpha)
    trimap = encode_gray(trimap_of(alpha, radius=settings.trimap_radius))
    for index in lacking:
        workspace.write_bytes(_file(ALPHA, foreground, names[index]), matte)
        workspace.write_bytes(_file(TRIMAPS, foreground, names[index]), trimap)
        frame = image
        if foreground.backgrounds:
            frame = composite(image, alpha, read_rgb(root / foreground.backgrounds[index]))
        # The frame comes last: where it is, alpha and trimap are too.
        workspace.write_bytes(_file(FRAMES, foreground, names[index]), encode_rgb(frame))


def _summaries(files: MattingFiles, record: DatasetRecord) -> list[ClipSummary]:
    return [
        ClipSummary(
            id=clip.id,
            split=clip.split,
            frames=len(clip.frames),
            labelled=len(clip.labels),
            size=image_size(files.root / foreground.image),
            fps=None,
            frame_step=None,
            is_consecutive=False,
        )
        for clip, foreground in zip(record.clips, files.foregrounds, strict=True)
    ]
