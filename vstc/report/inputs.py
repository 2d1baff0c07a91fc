"""What stands behind an artifact: its data set, its flow, and the label maps that were judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.lineage import find_input
from vstc.errors import InputError
from vstc.evaluation.label_sources.opening import open_label_source
from vstc.evaluation.label_sources.source import LabelSource, PredictionFormat
from vstc.formats.dataset import INDEX, Clip, Dataset, load_dataset
from vstc.formats.flow.hdf5 import FlowArchive
from vstc.report.flicker import LabelFolder, LabelMaps, TrueLabels
from vstc.report.sources import CHECKPOINT, DATASET, FLOW, METRICS, PREDICTIONS, Source

_ADD_THEM = "add the predictions to the artifacts of the report"


class JudgedLabels:
    """Label maps as an evaluation read them, of whatever form the files are.

    Args:
        source: What the evaluation read.
    """

    def __init__(self, source: LabelSource) -> None:
        self._source = source
        self._available: dict[str, Collection[str]] = {}

    def has(self, clip: Clip, index: int) -> bool:
        """Tell whether a frame has a label map."""
        if clip.id not in self._available:
            self._available[clip.id] = self._source.available(clip)
        return clip.frame_names[index] in self._available[clip.id]

    def read(self, clip: Clip, index: int) -> NDArray[np.uint8]:
        """Read the ids of a frame, (H, W); void is 255.

        Raises:
            InputError: Missing or unreadable.
        """
        return self._source.labels(clip, clip.frame_names[index])


def input_of(source: Source, role: str) -> Mapping[str, str] | None:
    """Return the first input of an artifact that it used in a role."""
    refs: list[Mapping[str, str]] = source.manifest.get("inputs", [])
    return next((ref for ref in refs if ref["role"] == role), None)


def open_dataset(source: Source, sources: Sequence[Source]) -> Dataset:
    """Open the data set that an artifact was made on.

    Args:
        source: Predictions or metrics.
        sources: All artifacts of the report; the data set is looked for among them first.

    Raises:
        InputError: It is gone or unreadable, or the manifest names none.
    """
    ref = input_of(source, "dataset")
    if ref is None:
        raise InputError(f"{source.name}: its manifest names no data set")
    for other in sources:
        if other.kind == DATASET and other.id == ref["id"]:
            return load_dataset(other.path)
    place = find_input(source.path, ref["path"])
    if place is None:
        raise InputError(f"the data set is gone: {ref['path']}")
    given = Path(ref["path"])
    return load_dataset(place / given.name if given.suffix == ".json" else place / INDEX)


def open_flow(sources: Sequence[Source]) -> list[FlowArchive]:
    """Open the flow that is in the report, or that the scores in it were made with."""
    folders = [source.path for source in sources if source.kind == FLOW]
    for source in sources:
        ref = source.input(FLOW) if source.kind == METRICS else None
        place = find_input(source.path, ref["path"]) if ref else None
        if place is not None:
            folders.append(place)
    archives = []
    for folder in dict.fromkeys(folders):
        # Flow that was used once and is not whole now is no loss: flow is computed instead.
        with suppress(InputError):
            archives.append(FlowArchive(folder))
    return archives


def open_judged(metrics: Source, dataset: Dataset, sources: Sequence[Source]) -> LabelMaps:
    """Open the label maps that the scores are about.

    Args:
        metrics: A metrics artifact.
        dataset: Its data set.
        sources: All artifacts of the report; the predictions are looked for among them first.

    Raises:
        InputError: They are gone, or were never kept.
    """
    ref, checkpoint = input_of(metrics, "predictions"), metrics.input(CHECKPOINT)
    for source in sources:
        made_by = source.input(CHECKPOINT) if source.kind == PREDICTIONS else None
        is_same = (
            made_by is not None and checkpoint is not None and made_by["id"] == checkpoint["id"]
        )
        if is_same or (ref is not None and source.id == ref["id"]):
            return LabelFolder(dataset, source.path)
    if ref is not None:
        place = find_input(metrics.path, ref["path"])
        if place is None:
            raise InputError(f"the predictions are gone: {ref['path']}", hint=_ADD_THEM)
        return JudgedLabels(_label_source(place, dataset, metrics))
    roles = {ref["role"] for ref in metrics.manifest.get("inputs", [])}
    if roles <= {"dataset", "flow"}:
        return TrueLabels(dataset)
    raise InputError("the label maps were not kept", hint=_ADD_THEM)


def _label_source(folder: Path, dataset: Dataset, metrics: Source) -> LabelSource:
    """Open files in the form that the evaluation took them for."""
    form = metrics.config.get("format")
    known = set(PredictionFormat)
    return open_label_source(
        str(folder),
        dataset,
        format=PredictionFormat(form) if form in known else PredictionFormat.AUTO,
    )
