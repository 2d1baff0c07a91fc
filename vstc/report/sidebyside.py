"""Predictions of all runs beside one another: frames, moments of flicker, slices through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.lineage import find_input
from vstc.errors import InputError
from vstc.formats.dataset import INDEX, Clip, Dataset, load_dataset
from vstc.formats.flow_hdf5 import FlowArchive
from vstc.formats.frames import FrameReader
from vstc.report.blocks import Block, Gallery, Note, Picture, Section
from vstc.report.datasets import class_legend
from vstc.report.flicker import ChangeFinder, LabelFolder, TrueLabels, Unrest, find_unrest
from vstc.report.numbers import percent
from vstc.report.pictures import fit_labels, mark, overlay, picture
from vstc.report.sources import DATASET, FLOW, METRICS, Source

_CLIPS = 3
_FRAMES_PER_CLIP = 2
_FLICKER_CLIPS = 2
_MIN_SLICE_FRAMES = 8

Row = tuple[str, tuple[Picture, ...]]


@dataclass(frozen=True)
class Scene:
    """A data set and the runs that predicted on it."""

    dataset: Dataset
    runs: tuple[tuple[Source, LabelFolder], ...]
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
        ref = _dataset_of(source)
        if ref is None:
            blocks.append(Note(f"{source.name}: its manifest names no data set."))
        else:
            groups.setdefault(ref["id"], []).append(source)
    archives = _flow_archives(sources)
    for group in groups.values():
        try:
            dataset = _open_dataset(group[0], sources)
            runs = tuple((source, LabelFolder(dataset, source.path)) for source in group)
            blocks += _scene_blocks(Scene(dataset, runs, ChangeFinder(dataset, archives)))
        except InputError as error:
            names = ", ".join(source.name for source in group)
            blocks.append(Note(f"No pictures of {names}: {error.message}"))
    return Section(
        anchor="pictures",
        title="Side by side",
        lead="The same frames as every run sees them.",
        blocks=tuple(blocks),
    )


def _dataset_of(source: Source) -> Mapping[str, str] | None:
    refs: list[Mapping[str, str]] = source.manifest.get("inputs", [])
    return next((ref for ref in refs if ref["role"] == "dataset"), None)


def _open_dataset(source: Source, sources: Sequence[Source]) -> Dataset:
    ref = _dataset_of(source) or {"id": "", "path": ""}
    for other in sources:
        if other.kind == DATASET and other.id == ref["id"]:
            return load_dataset(other.path)
    place = find_input(source.path, ref["path"])
    if place is None:
        raise InputError(f"the data set is gone: {ref['path']}")
    given = Path(ref["path"])
    return load_dataset(place / given.name if given.suffix == ".json" else place / INDEX)


def _flow_archives(sources: Sequence[Source]) -> list[FlowArchive]:
    """Open the flow that is in the report, or that the scores in it were made with."""
    folders = [source.path for source in sources if source.kind == FLOW]
    for source in sources:
        ref = source.input(FLOW) if source.kind == METRICS else None
        place = find_input(source.path, ref["path"]) if ref else None
        if place is not None:
            folders.append(place)
    return [FlowArchive(folder) for folder in dict.fromkeys(folders)]


def _scene_blocks(scene: Scene) -> list[Block]:
    frames = {clip.id: scene.common_frames(clip) for clip in scene.dataset.clips}
    clips = [clip for clip in scene.dataset.clips if frames[clip.id]]
    if not clips:
        return [Note("The runs have no frame in common.")]
    blocks: list[Block] = [class_legend(scene.dataset)]
    rows = [
        _frame_row(scene, clip, index)
        for clip in _spread(clips, _CLIPS)
        for index in _telling_frames(clip, frames[clip.id])
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


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Choose clips evenly over the list, beginning with the first."""
    count = min(count, len(clips))
    return [clips[number * len(clips) // count] for number in range(count)]


def _telling_frames(clip: Clip, frames: Sequence[int]) -> list[int]:
    """Choose frames evenly over the clip, labelled ones if there are any."""
    labelled = set(clip.labelled_indices)
    choice = [index for index in frames if index in labelled] or list(frames)
    count = min(_FRAMES_PER_CLIP, len(choice))
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
    """Show three frames per run, the changed pixels of the last two steps marked."""
    reader = FrameReader(scene.dataset)
    palette = scene.dataset.palette()
    truth = TrueLabels(scene.dataset)
    start = unrest.start
    voices: list[tuple[str, str, LabelFolder]] = [
        (source.name, source.color, labels) for source, labels in scene.runs
    ]
    if all(truth.has(clip, start + step) for step in range(3)):
        voices.insert(0, ("true label", "", truth))
    rows: list[Row] = []
    for name, color, labels in voices:
        first = overlay(reader.read(clip, start), labels.read(clip, start), palette)
        caption = f"frame {clip.frame_names[start]}"
        pictures = [picture(first, caption=caption, color=color)]
        for index in (start, start + 1):
            change = scene.finder.between(labels, clip, index)
            seen = overlay(
                reader.read(clip, change.frame), labels.read(clip, change.frame), palette
            )
            is_changed = fit_labels(change.is_changed.astype(np.uint8), seen.shape[:2]) > 0
            before, after = clip.frame_names[index], clip.frame_names[index + 1]
            note = f"{percent(change.share)} % changed"
            marked = mark(seen, is_changed)
            pictures.append(picture(marked, caption=f"{before} → {after}", color=color, note=note))
        rows.append((name, tuple(pictures)))
    caption = (
        f"Three frames of {clip.id}, at the moment where {scene.runs[0][0].name} changes most. "
        "Pink pixels change their label although the motion is taken out "
        f"(flow: {scene.finder.flow_name(clip)})."
    )
    return Gallery(rows=tuple(rows), title="Flicker", caption=caption, narrow_columns=3)


def _slice_gallery(scene: Scene, clip: Clip, unrest: Unrest) -> Gallery:
    """Show one row of the picture over time: steady labels draw clean stripes."""
    palette = scene.dataset.palette()
    reader = FrameReader(scene.dataset)
    lines = [_line(reader.read(clip, index), unrest.row) for index in unrest.frames]
    pictures = [_slice_picture(lines, caption="frames", color="")]
    truth = TrueLabels(scene.dataset)
    voices: list[tuple[str, str, LabelFolder]] = [
        (source.name, source.color, labels) for source, labels in scene.runs
    ]
    if all(truth.has(clip, index) for index in unrest.frames):
        voices.insert(0, ("true label", "", truth))
    for name, color, labels in voices:
        lines = [palette[_line(labels.read(clip, index), unrest.row)] for index in unrest.frames]
        pictures.append(_slice_picture(lines, caption=name, color=color))
    caption = (
        f"One row of the picture, {round(100 * unrest.row)} % below its top, over "
        f"{len(unrest.frames)} frames of {clip.id}; time runs downwards. "
        "Smooth edges are steady labels, ragged ones flicker."
    )
    return Gallery(rows=(("", tuple(pictures)),), title="A slice through time", caption=caption)


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
