"""The data sets of a report: splits, classes, a sample, and how good pseudo labels are."""

from __future__ import annotations

from collections.abc import Sequence

from vstc.data.labels import read_label_ids
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.report.blocks import Block, Cell, Gallery, Legend, Note, Picture, Section, Table
from vstc.report.colors import css_color
from vstc.report.numbers import amount, percent
from vstc.report.pictures import overlay, picture
from vstc.report.sources import Source

_SAMPLES = 2


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
    has_labels = any(clip.labels for clip in dataset.clips)
    kind = ("pseudo labels" if is_pseudo else "true labels") if has_labels else "no labels"
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
        blocks += _pseudo_tables(dataset, source)
    return blocks + _sample_blocks(dataset, is_pseudo=is_pseudo)


def _split_row(dataset: Dataset, split: str) -> tuple[Cell, ...]:
    clips = [clip for clip in dataset.clips if clip.split == split]
    frames = sum(len(clip.frames) for clip in clips)
    labelled = sum(len(clip.labelled_indices) for clip in clips)
    share = f"{percent(labelled / frames)} %" if frames else ""
    counts = (Cell(amount(value)) for value in (len(clips), frames, labelled))
    return (Cell(split), *counts, Cell(share))


def _pseudo_tables(dataset: Dataset, source: Source) -> list[Block]:
    """Show how sure the labels are and, as the manifest tells, how much of each class is kept."""
    blocks: list[Block] = []
    scores = [value for clip in dataset.clips for value in clip.pseudo.values()]
    if scores:
        confidence, kept = (sum(column) / len(column) for column in zip(*scores, strict=True))
        row = (Cell(amount(len(scores))), Cell(f"{confidence:.3f}"), Cell(f"{percent(kept)} %"))
        columns = ("Pseudo labels", "Mean confidence", "Pixels kept")
        blocks.append(Table(columns=columns, rows=(row,)))
    by_class = source.metrics.get("classes") or {}
    rows = [
        (
            Cell(entry.name, color=css_color(entry.color)),
            Cell(amount(by_class[entry.name].get("threshold"))),
            Cell(percent(by_class[entry.name].get("predicted_share"))),
            Cell(percent(by_class[entry.name].get("kept_share"))),
        )
        for entry in dataset.classes
        if entry.name in by_class
    ]
    if rows:
        heads = ("Class", "Least confidence", "Predicted, %", "Kept of it, %")
        blocks.append(Table(columns=heads, rows=tuple(rows)))
    return blocks


def _sample_blocks(dataset: Dataset, *, is_pseudo: bool) -> list[Block]:
    reader = FrameReader(dataset)
    pictures: list[Picture] = []
    try:
        for clip, index in _samples(dataset):
            pictures += _sample(dataset, reader, clip, index, is_pseudo=is_pseudo)
    except InputError as error:
        return [Note(f"No sample of {dataset.name}: {error.message}")]
    return [Gallery(rows=(("", tuple(pictures)),))] if pictures else []


def _samples(dataset: Dataset) -> list[tuple[Clip, int]]:
    """Choose a middle frame of the first clips, a labelled one if there is any."""
    labelled = [clip for clip in dataset.clips if clip.labels]
    places = []
    for clip in (labelled or dataset.clips)[:_SAMPLES]:
        indices = clip.labelled_indices or list(range(len(clip.frames)))
        if indices:
            places.append((clip, indices[len(indices) // 2]))
    return places


def _sample(
    dataset: Dataset, reader: FrameReader, clip: Clip, index: int, *, is_pseudo: bool
) -> list[Picture]:
    image = reader.read(clip, index)
    name = clip.frame_names[index]
    pictures = [picture(image, caption=f"{clip.id} / {name}")]
    labels = read_label_ids(dataset, clip, index)
    if labels is not None:
        caption = "pseudo label" if is_pseudo else "true label"
        note = f"{percent(clip.pseudo[name][1])} % kept" if name in clip.pseudo else ""
        shown = overlay(image, labels, dataset.palette())
        pictures.append(picture(shown, caption=caption, note=note))
    return pictures
