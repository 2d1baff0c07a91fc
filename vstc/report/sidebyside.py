"""Predictions of all runs beside one another: frames, moments of flicker, slices through time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader
from vstc.report.blocks import Block, Cell, Gallery, Note, Picture, Section, Table
from vstc.report.datasets import class_legend
from vstc.report.flicker import (
    ChangeFinder,
    LabelFolder,
    LabelMaps,
    TrueLabels,
    Unrest,
    find_unrest,
)
from vstc.report.inputs import input_of, open_dataset, open_flow
from vstc.report.numbers import amount, percent
from vstc.report.pictures import fit_labels, mark, overlay, picture
from vstc.report.sources import Source

_FRAME_ROWS = 4
_FLICKER_CLIPS = 2
_MIN_SLICE_FRAMES = 8

Row = tuple[str, tuple[Picture, ...]]


@dataclass(frozen=True)
class Voice:
    """Labels from one source: a run, or the truth."""

    name: str
    color: str
    labels: LabelMaps


@dataclass(frozen=True)
class Scene:
    """A data set and the runs that predicted on it."""

    dataset: Dataset
    runs: tuple[tuple[Source, LabelMaps], ...]
    finder: ChangeFinder

    def common_frames(self, clip: Clip) -> list[int]:
        """Return the places of the frames that every run has predicted."""
        return [
            index
            for index in range(len(clip.frames))
            if all(labels.has(clip, index) for _, labels in self.runs)
        ]


def side_by_side_section(predictions: Sequence[Source], sources: Sequence[Source]) -> Section:
    """Show predictions over frames, data set by data set.

    Args:
        predictions: The predictions artifacts.
        sources: All artifacts of the report; data sets and flow among them are used.
    """
    blocks: list[Block] = []
    groups: dict[str, list[Source]] = {}
    for source in predictions:
        ref = input_of(source, "dataset")
        if ref is None:
            blocks.append(Note(f"{source.name}: its manifest names no data set."))
        else:
            groups.setdefault(ref["id"], []).append(source)
    archives = open_flow(sources)
    for group in groups.values():
        try:
            dataset = open_dataset(group[0], sources)
            runs = tuple((source, LabelFolder(dataset, source.path)) for source in group)
            blocks += _scene_blocks(Scene(dataset, runs, ChangeFinder(dataset, archives)))
            blocks += _speed_table(group)
        except InputError as error:
            names = ", ".join(source.name for source in group)
            blocks.append(Note(f"No pictures of {names}: {error.message}"))
    return Section(
        anchor="pictures",
        title="Side by side",
        lead="The same frames as every run sees them.",
        blocks=tuple(blocks),
    )


def _scene_blocks(scene: Scene) -> list[Block]:
    frames = {clip.id: scene.common_frames(clip) for clip in scene.dataset.clips}
    clips = [clip for clip in scene.dataset.clips if frames[clip.id]]
    if not clips:
        return [Note("The runs have no frame in common.")]
    blocks: list[Block] = [class_legend(scene.dataset)]
    shown = _spread(clips, _FRAME_ROWS)
    per_clip = _FRAME_ROWS // len(shown)
    rows = [
        _frame_row(scene, clip, index)
        for clip in shown
        for index in _telling_frames(clip, frames[clip.id], count=per_clip)
    ]
    blocks.append(Gallery(rows=tuple(rows)))
    steady = [clip for clip in clips if clip.is_consecutive and len(frames[clip.id]) >= 3]
    for clip in _spread(steady, _FLICKER_CLIPS):
        consecutive = _longest_stretch(frames[clip.id])
        if len(consecutive) >= 3:
            unrest = find_unrest(scene.finder, scene.runs[0][1], clip, consecutive)
            blocks.append(_flicker_gallery(scene, clip, unrest))
            if len(unrest.frames) >= _MIN_SLICE_FRAMES:
                blocks.append(_slice_gallery(scene, clip, unrest))
    return blocks


def _speed_table(predictions: Sequence[Source]) -> list[Block]:
    """Show how fast the runs predicted, where their manifests tell."""
    columns = {
        "frames": "Frames",
        "frames_per_second": "Frames/s",
        "network_p50_ms": "Network, median ms",
        "network_p95_ms": "Network, 95 % ms",
    }
    told = [key for key in columns if any(source.metrics.get(key) for source in predictions)]
    if not told:
        return []
    rows = tuple(
        (
            Cell(source.name, color=source.color),
            *(Cell(amount(source.metrics.get(key))) for key in told),
        )
        for source in predictions
    )
    return [Table(columns=("Run", *(columns[key] for key in told)), rows=rows, title="Speed")]


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Choose clips evenly over the list, beginning with the first."""
    count = min(count, len(clips))
    return [clips[number * len(clips) // count] for number in range(count)]


def _telling_frames(clip: Clip, frames: Sequence[int], *, count: int) -> list[int]:
    """Choose frames evenly over the clip, labelled ones if there are any."""
    labelled = set(clip.labelled_indices)
    choice = [index for index in frames if index in labelled] or list(frames)
    count = min(count, len(choice))
    places = [(2 * number + 1) * len(choice) // (2 * count) for number in range(count)]
    return [choice[place] for place in places]


def _frame_row(scene: Scene, clip: Clip, index: int) -> Row:
    dataset = scene.dataset
    image = FrameReader(dataset).read(clip, index)
    pictures = [picture(image, caption="frame")]
    truth = TrueLabels(dataset)
    true_labels = truth.read(clip, index) if truth.has(clip, index) else None
    if true_labels is not None:
        shown = overlay(image, true_labels, dataset.palette())
        pictures.append(picture(shown, caption="true label"))
    for source, labels in scene.runs:
        ids = labels.read(clip, index)
        note = "" if true_labels is None else _share_right(dataset, ids, true_labels)
        shown = overlay(image, ids, dataset.palette())
        pictures.append(picture(shown, caption=source.name, color=source.color, note=note))
    return f"{clip.id} / {clip.frame_names[index]}", tuple(pictures)


def _share_right(dataset: Dataset, ids: NDArray[np.uint8], true_labels: NDArray[np.uint8]) -> str:
    is_class = np.zeros(256, bool)
    is_class[[entry.id for entry in dataset.classes]] = True
    is_counted = is_class[true_labels]
    if not is_counted.any():
        return ""
    is_right = fit_labels(ids, true_labels.shape) == true_labels
    return f"{percent(float(is_right[is_counted].mean()))} % right"


def _flicker_gallery(scene: Scene, clip: Clip, unrest: Unrest) -> Gallery:
    """Show a frame, then the pixels that change in the two steps after it."""
    reader = FrameReader(scene.dataset)
    palette = scene.dataset.palette()
    start = unrest.start
    voices = _voices(scene, clip, range(start, start + 3))
    image = reader.read(clip, start)
    pictures = [picture(image, caption="frame")]
    for voice in voices:
        seen = overlay(image, voice.labels.read(clip, start), palette)
        pictures.append(picture(seen, caption=voice.name, color=voice.color))
    rows: list[Row] = [(f"{clip.id} / {clip.frame_names[start]}", tuple(pictures))]
    for index in (start, start + 1):
        before, after = clip.frame_names[index], clip.frame_names[index + 1]
        pictures = [picture(reader.read(clip, index + 1), caption="frame", note=after)]
        for voice in voices:
            change = scene.finder.between(voice.labels, clip, index)
            image = reader.read(clip, change.frame)
            seen = overlay(image, voice.labels.read(clip, change.frame), palette)
            is_changed = fit_labels(change.is_changed.astype(np.uint8), seen.shape[:2]) > 0
            note = f"{percent(change.share)} % changed"
            marked = mark(seen, is_changed)
            pictures.append(picture(marked, caption=voice.name, color=voice.color, note=note))
        rows.append((f"What changes from {before} to {after}", tuple(pictures)))
    caption = (
        f"Three frames of {clip.id}, at the moment where {scene.runs[0][0].name} changes most. "
        "Pink pixels change their label although the motion is taken out "
        f"(flow: {scene.finder.flow_name(clip)})."
    )
    return Gallery(rows=tuple(rows), title=f"Flicker in {clip.id}", caption=caption)


def _slice_gallery(scene: Scene, clip: Clip, unrest: Unrest) -> Gallery:
    """Show one row of the picture over time: steady labels draw clean stripes."""
    palette = scene.dataset.palette()
    reader = FrameReader(scene.dataset)
    lines = [_line(reader.read(clip, index), unrest.row) for index in unrest.frames]
    pictures = [_slice_picture(lines, caption="frames", color="")]
    for voice in _voices(scene, clip, unrest.frames):
        ids = [_line(voice.labels.read(clip, index), unrest.row) for index in unrest.frames]
        colors = [palette[line] for line in ids]
        pictures.append(_slice_picture(colors, caption=voice.name, color=voice.color))
    caption = (
        f"One row of the picture, {round(100 * unrest.row)} % below its top, over "
        f"{len(unrest.frames)} frames of {clip.id}; time runs downwards. "
        "Smooth edges are steady labels, ragged ones flicker."
    )
    return Gallery(
        rows=(("", tuple(pictures)),), title=f"A slice through time of {clip.id}", caption=caption
    )


def _voices(scene: Scene, clip: Clip, frames: Iterable[int]) -> list[Voice]:
    """List whose labels are shown: the true ones where every frame has them, then the runs."""
    truth = TrueLabels(scene.dataset)
    voices = [Voice(source.name, source.color, labels) for source, labels in scene.runs]
    if all(truth.has(clip, index) for index in frames):
        voices.insert(0, Voice("true label", "", truth))
    return voices


def _line(image: NDArray[np.uint8], row: float) -> NDArray[np.uint8]:
    line: NDArray[np.uint8] = image[min(len(image) - 1, int(row * len(image)))]
    return line


def _slice_picture(lines: Sequence[NDArray[np.uint8]], *, caption: str, color: str) -> Picture:
    """Stack (W, 3) lines to a picture about two thirds as high as it is wide."""
    times = max(1, round(0.6 * len(lines[0]) / len(lines)))
    return picture(np.repeat(np.stack(lines), times, axis=0), caption=caption, color=color)


def _longest_stretch(frames: Sequence[int]) -> list[int]:
    """Return the longest run of places that follow one another."""
    best: list[int] = []
    current: list[int] = []
    for index in frames:
        current = [*current, index] if current and index == current[-1] + 1 else [index]
        if len(current) > len(best):
            best = current
    return best
