"""The flow artifacts of a report: method, amount, and a pair of frames as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.lineage import find_input
from vstc.errors import InputError
from vstc.flow.pictures import flow_to_color
from vstc.formats.dataset import load_dataset
from vstc.formats.flow.hdf5 import FlowArchive
from vstc.formats.frames import FrameReader
from vstc.report.blocks import Block, Cell, Gallery, Note, Picture, Section, Table
from vstc.report.numbers import amount, plain
from vstc.report.others import flat
from vstc.report.pictures import picture
from vstc.report.sources import Source


def flows_section(sources: Sequence[Source]) -> Section:
    """Show every flow artifact in turn."""
    blocks: list[Block] = []
    for source in sources:
        blocks += _describe(source)
    return Section(
        anchor="flow",
        title="Optical flow",
        lead="Hue is the direction, red to the right; the stronger the colour, the longer the way.",
        blocks=tuple(blocks),
    )


def _describe(source: Source) -> list[Block]:
    archive = FlowArchive(source.path)
    try:
        clips = archive.clip_ids()
        pairs = sum(_num_pairs(archive, clip) for clip in clips)
        rows = [("clips", amount(len(clips))), ("pairs", amount(pairs))]
        if clips:
            info = archive.reader(clips[0]).info
            rows.append(("method", info.method))
            rows.append(("size", f"{info.size[1]} x {info.size[0]}"))
            rows.append(("directions", ", ".join(d.replace("_", " ") for d in info.directions)))
        rows += [(key, plain(value)) for key, value in flat(source.metrics)]
        table = Table(
            columns=("What", "Value"),
            rows=tuple((Cell(what.replace("_", " ")), Cell(value)) for what, value in rows),
            title=source.name,
            is_prose=True,
        )
        return [table, *_pair_gallery(source, archive, clips)]
    finally:
        archive.close()


def _pair_gallery(source: Source, archive: FlowArchive, clips: Sequence[str]) -> list[Block]:
    """Show the middle pair of the first clip."""
    clip = next((c for c in clips if _num_pairs(archive, c) > 0), None)
    if clip is None:
        return [Note(f"{source.name} holds no pair of frames.")]
    reader = archive.reader(clip)
    gap = reader.info.gaps[0]
    index = reader.info.num_pairs(gap) // 2
    pictures: list[Picture] = []
    blocks: list[Block] = []
    try:
        pictures = _frames(source, archive, clip, (index, index + gap))
    except InputError as error:
        blocks.append(Note(f"No frames beside the flow of {source.name}: {error.message}"))
    for direction in reader.info.directions:
        field = reader.read(index, direction=direction, gap=gap)
        caption = str(direction).replace("_", " ")
        note = f"longest {amount(_longest(field))} px"
        pictures.append(picture(flow_to_color(field), caption=caption, note=note))
    label = f"{clip} / {reader.info.frames[index]} and {reader.info.frames[index + gap]}"
    return [*blocks, Gallery(rows=((label, tuple(pictures)),))]


def _frames(
    source: Source, archive: FlowArchive, clip_id: str, pair: tuple[int, int]
) -> list[Picture]:
    recorded: Path | None = archive.dataset_path
    place = find_input(source.path, str(recorded)) if recorded else None
    if place is None:
        raise InputError(f"the data set is gone: {recorded}")
    dataset = load_dataset(place)
    clip = dataset.clip(clip_id)
    reader = FrameReader(dataset)
    return [
        picture(reader.read(clip, pair[0]), caption="previous frame"),
        picture(reader.read(clip, pair[1]), caption="next frame"),
    ]


def _num_pairs(archive: FlowArchive, clip_id: str) -> int:
    info = archive.reader(clip_id).info
    return info.num_pairs(info.gaps[0])


def _longest(flow: NDArray[np.float32]) -> float:
    length = np.hypot(flow[..., 0], flow[..., 1])
    known = length[np.isfinite(length)]
    return float(known.max()) if known.size else 0.0
