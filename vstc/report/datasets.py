"""The data sets of a report: splits, classes, a sample, and how good pseudo labels are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.images import read_labels
from vstc.report.blocks import Block, Cell, Gallery, Legend, Note, Picture, Section, Table
from vstc.report.colors import css_color
from vstc.report.numbers import amount, percent
from vstc.report.pictures import overlay, picture
from vstc.report.sources import Source

_SAMPLES = 3
_COUNTED_LABELS = 60


def class_legend(dataset: Dataset) -> Legend:
    """List the classes with their colours, void last."""
    classes = sorted(dataset.record.classes, key=lambda entry: entry.ignore)
    return Legend(
        entries=tuple((entry.name, css_color(entry.color)) for entry in classes), title="Classes"
    )


def datasets_section(sources: Sequence[Source]) -> Section:
    """Show every data set in turn."""
    blocks: list[Block] = []
    for source in sources:
        blocks += _describe(load_dataset(source.path), source)
    plural = "s" if len(sources) > 1 else ""
    return Section(anchor="data", title=f"Data set{plural}", blocks=tuple(blocks))


def _describe(dataset: Dataset, source: Source) -> list[Block]:
    is_pseudo = dataset.record.label_source == "pseudo"
    kind = "pseudo labels" if is_pseudo else "true labels"
    rows = tuple(_split_row(dataset, split) for split in dataset.splits)
    blocks: list[Block] = [
        Table(
            columns=("Split", "Clips", "Frames", "Labelled", "Share"),
            rows=rows,
            title=f"{source.name}: {dataset.name}, {dataset.num_classes} classes, {kind}",
        ),
        class_legend(dataset),
    ]
    if is_pseudo:
        blocks += _pseudo_tables(dataset)
    return blocks + _sample_blocks(dataset, is_pseudo=is_pseudo)


def _split_row(dataset: Dataset, split: str) -> tuple[Cell, ...]:
    clips = [clip for clip in dataset.clips if clip.split == split]
    frames = sum(len(clip.frames) for clip in clips)
    labelled = sum(len(clip.labelled_indices) for clip in clips)
    share = f"{percent(labelled / frames)} %" if frames else ""
    counts = (Cell(amount(value)) for value in (len(clips), frames, labelled))
    return (Cell(split), *counts, Cell(share))


def _pseudo_tables(dataset: Dataset) -> list[Block]:
    scores = [value for clip in dataset.clips for value in clip.pseudo.values()]
    blocks: list[Block] = []
    if scores:
        confidence, kept = (sum(column) / len(column) for column in zip(*scores, strict=True))
        row = (Cell(amount(len(scores))), Cell(f"{confidence:.3f}"), Cell(f"{percent(kept)} %"))
        blocks.append(
            Table(columns=("Pseudo labels", "Mean confidence", "Pixels kept"), rows=(row,))
        )
    return [*blocks, *_class_shares(dataset)]


def _class_shares(dataset: Dataset) -> list[Block]:
    """Count the classes of some pseudo labels, evenly chosen."""
    places = [(clip, index) for clip in dataset.clips for index in clip.labelled_indices]
    step = max(1, len(places) // _COUNTED_LABELS)
    counts = np.zeros(256, np.int64)
    chosen = places[::step][:_COUNTED_LABELS]
    for clip, index in chosen:
        path = dataset.label_path(clip, index)
        if path is not None:
            labels = read_labels(path, dataset.record.classes)
            counts += np.bincount(labels.ravel(), minlength=256)
    total = int(counts.sum())
    if total == 0:
        return []
    rows = [
        (Cell(entry.name, color=css_color(entry.color)), _share(counts, entry.id, total))
        for entry in dataset.classes
    ]
    used = sum(int(counts[entry.id]) for entry in dataset.classes)
    rows.append((Cell("left out"), Cell(f"{percent((total - used) / total)} %")))
    return [
        Table(
            columns=("Class", "Pixels kept"),
            rows=tuple(rows),
            title="Share of all pixels",
            caption=f"Counted on {len(chosen)} of {len(places)} pseudo labels.",
        )
    ]


def _share(counts: np.ndarray[tuple[int], np.dtype[np.int64]], class_id: int, total: int) -> Cell:
    return Cell(f"{percent(int(counts[class_id]) / total)} %")


def _sample_blocks(dataset: Dataset, *, is_pseudo: bool) -> list[Block]:
    reader = FrameReader(dataset)
    rows: list[tuple[str, tuple[Picture, ...]]] = []
    try:
        for clip, index in _samples(dataset):
            caption = f"{clip.id} / {clip.frame_names[index]}"
            rows.append((caption, _sample(dataset, reader, clip, index, is_pseudo=is_pseudo)))
    except InputError as error:
        return [Note(f"No sample of {dataset.name}: {error.message}")]
    if not rows:
        return []
    return [Gallery(rows=tuple(rows), title=f"Samples of {dataset.name}")]


def _samples(dataset: Dataset) -> list[tuple[Clip, int]]:
    """Choose frames of the first clips: the first labelled one, else the middle one."""
    places = []
    labelled = [clip for clip in dataset.clips if clip.labels]
    for clip in (labelled or dataset.clips)[:_SAMPLES]:
        indices = clip.labelled_indices
        if clip.frames:
            places.append((clip, indices[len(indices) // 2] if indices else len(clip.frames) // 2))
    return places


def _sample(
    dataset: Dataset, reader: FrameReader, clip: Clip, index: int, *, is_pseudo: bool
) -> tuple[Picture, ...]:
    image = reader.read(clip, index)
    pictures = [picture(image, caption="frame")]
    path = dataset.label_path(clip, index)
    if path is not None:
        labels = read_labels(path, dataset.record.classes)
        caption = "pseudo label" if is_pseudo else "true label"
        scores = clip.pseudo.get(clip.frame_names[index])
        note = f"{percent(scores[1])} % kept" if scores else ""
        shown = overlay(image, labels, dataset.palette())
        pictures.append(picture(shown, caption=caption, note=note))
    return tuple(pictures)
