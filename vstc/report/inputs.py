"""What stands behind an artifact: its data set, its flow, and the label maps that were judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from vstc.artifacts.lineage import find_input
from vstc.errors import InputError
from vstc.formats.dataset import INDEX, Dataset, load_dataset
from vstc.formats.flow_hdf5 import FlowArchive
from vstc.report.flicker import LabelFolder, LabelMaps, TrueLabels
from vstc.report.sources import CHECKPOINT, DATASET, FLOW, METRICS, PREDICTIONS, Source

_ADD_THEM = "add the predictions to the artifacts of the report"


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
        return LabelFolder(dataset, place)
    roles = {ref["role"] for ref in metrics.manifest.get("inputs", [])}
    if roles <= {"dataset", "flow"}:
        return TrueLabels(dataset)
    raise InputError("the label maps were not kept", hint=_ADD_THEM)
