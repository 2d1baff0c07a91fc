"""Predicted labels in PNG files: ids, colours, masks, instances or Cityscapes' label ids."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref, read_manifest
from vstc.artifacts.workspace import PROGRESS
from vstc.data.labels import VOID
from vstc.errors import InputError
from vstc.evaluation.label_sources.frame_files import FrameFiles
from vstc.evaluation.label_sources.source import PredictionFormat
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.formats.cityscapes import refuse_other_classes
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.images import read_color_labels, read_labels, read_mask
from vstc.formats.label_encoding import (
    CITYSCAPES_LAST_LABEL_ID,
    TRIMAP_VALUES,
    label_ids_to_train_ids,
    trimap_values_to_ids,
)

PREDICTIONS_KIND = "vstc.predictions"
_PLAIN = ("pred", "prediction")
_LABEL_IDS = ("labelIds", "gtFine_labelIds", "gtCoarse_labelIds")
_TRAIN_IDS = ("labelTrainIds", "gtFine_labelTrainIds", "gtCoarse_labelTrainIds")
_COLORS = ("color", "gtFine_color", "gtCoarse_color")
ENDINGS: dict[PredictionFormat, tuple[str, ...]] = {
    PredictionFormat.AUTO: _PLAIN + _LABEL_IDS + _TRAIN_IDS,
    PredictionFormat.IDS: _PLAIN + _LABEL_IDS + _TRAIN_IDS,
    PredictionFormat.COLORS: _PLAIN + _COLORS,
    PredictionFormat.CITYSCAPES: _PLAIN + _LABEL_IDS,
    PredictionFormat.MASKS: (*_PLAIN, "mask"),
    PredictionFormat.TRIMAPS: (*_PLAIN, "trimap"),
    PredictionFormat.INSTANCES: (*_PLAIN, "instances"),
}

_CLASSES_OF = {PredictionFormat.MASKS: 2, PredictionFormat.TRIMAPS: 3}


class FolderLabels:
    """Predictions in PNG files: an artifact of ours, or any folder that ``FrameFiles`` knows.

    Ids outside the class table stay as they are, which makes them misses, and are counted in
    ``strays``. Where ``INSTANCES`` are read, ids are no classes: none is strange and 255 alone
    is "no label".

    Args:
        folder: The folder.
        dataset: The data set that was predicted.
        format: What the files hold.

    Raises:
        InputError: Missing, without predictions, or a format that does not go with the classes.
    """

    def __init__(
        self,
        folder: Path,
        dataset: Dataset,
        *,
        format: PredictionFormat = PredictionFormat.AUTO,
    ) -> None:
        if not folder.is_dir():
            raise not_found(folder)
        self._folder = folder
        self._classes = dataset.record.classes
        self._num_classes = dataset.num_classes
        written = _written_format(folder)
        self._format = written if format is PredictionFormat.AUTO else format
        self._files = FrameFiles(folder, dataset, suffix=".png", endings=ENDINGS[self._format])
        self._table = _table(dataset, self._format)
        self.strays = StrayIds(_known_values(dataset, self._format))
        self._refuse_ambiguous_name(self._files.example)

    def reference(self) -> InputRef:
        """Refer to the folder as an input; one without a manifest by its names and sizes.

        Raises:
            InputError: An artifact that is incomplete or of another kind.
        """
        if _is_artifact(self._folder):
            return input_ref("predictions", self._folder, kind=PREDICTIONS_KIND)
        files = [path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*.png")]
        identity = fingerprint_files(self._folder, files)
        return InputRef(role="predictions", path=str(self._folder), kind="raw", id=identity)

    def describe(self) -> dict[str, Any]:
        """Tell what the labels are made of."""
        return {"source": "images", "format": str(self._format)}

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames of a clip that have a file."""
        return self._files.of(clip).keys()

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Read the ids of a frame, (H, W); void is 255.

        Raises:
            InputError: Missing or unreadable, or not of the format.
        """
        path = self._files.path(clip, frame_name)
        self._refuse_ambiguous_name(path)
        values = self._values(path)
        self.strays.look_at(clip, frame_name, values)
        return np.asarray(cv2.LUT(values, self._table), np.uint8)

    def _values(self, path: Path) -> NDArray[np.uint8]:
        if self._format is PredictionFormat.MASKS:
            return read_mask(path)
        if self._format is PredictionFormat.COLORS:
            return read_color_labels(path, self._classes)
        if self._format is not PredictionFormat.AUTO:
            return read_labels(path)
        values = read_labels(path, self._classes)
        if self._num_classes == 2 and _is_black_and_white(values):
            raise InputError(
                f"{path} holds 0 and 255 only: is 255 the object, or is it no label?",
                hint="--format masks takes 255 for the object, --format ids for no label",
            )
        return values

    def _refuse_ambiguous_name(self, path: Path) -> None:
        if self._format is PredictionFormat.AUTO and path.stem.endswith(_LABEL_IDS):
            raise InputError(
                f"{path.name} is named like label ids of Cityscapes, which are no class ids",
                hint="add --format cityscapes, or --format ids if class ids are in it all the same",
            )


def not_found(folder: Path) -> InputError:
    """Build the error for predictions that are not there."""
    return InputError(
        f"predictions not found: {folder}",
        hint="vstc predict makes them; the word `labels` judges the true labels",
    )


def _written_format(folder: Path) -> PredictionFormat:
    """Return the format that an artifact of ours was written in.

    Raises:
        InputError: It is incomplete or of another kind.
    """
    if not _is_artifact(folder):
        return PredictionFormat.AUTO
    config = read_manifest(folder, kind=PREDICTIONS_KIND).get("config", {})
    is_cityscapes = config.get("format") == PredictionFormat.CITYSCAPES
    return PredictionFormat.CITYSCAPES if is_cityscapes else PredictionFormat.AUTO


def _is_artifact(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() or (folder / PROGRESS).is_file()


def _table(dataset: Dataset, format: PredictionFormat) -> NDArray[np.uint8]:
    """Return what each value of a file becomes, (256,).

    Raises:
        InputError: The classes of the data set are not those that the format means.
    """
    table = np.arange(256, dtype=np.uint8)
    if format is PredictionFormat.CITYSCAPES:
        refuse_other_classes(dataset.classes, what=f"data set {dataset.name}")
        return label_ids_to_train_ids()
    if format is PredictionFormat.INSTANCES:
        return table
    if format in _CLASSES_OF:
        wanted = _CLASSES_OF[format]
        if dataset.num_classes != wanted:
            raise InputError(
                f"data set {dataset.name} has {dataset.num_classes} classes, {format} have "
                f"{wanted}",
                hint=f"vstc data index folder --set label_encoding={format} reads such labels",
            )
        return trimap_values_to_ids() if format is PredictionFormat.TRIMAPS else table
    table[_void_ids(dataset)] = VOID
    return table


def _known_values(dataset: Dataset, format: PredictionFormat) -> NDArray[np.bool_]:
    """Tell which values of a file are expected, (256,)."""
    known = np.ones(256, np.bool_)
    if format is PredictionFormat.CITYSCAPES:
        known[CITYSCAPES_LAST_LABEL_ID + 1 : VOID] = False
    elif format is PredictionFormat.TRIMAPS:
        known[:] = False
        known[list(TRIMAP_VALUES)] = True
    elif format not in (PredictionFormat.INSTANCES, PredictionFormat.MASKS):
        known[dataset.num_classes :] = False
        known[_void_ids(dataset)] = True
    return known


def _void_ids(dataset: Dataset) -> list[int]:
    ignored = [entry.id for entry in dataset.record.classes if entry.ignore]
    return [*ignored, dataset.ignore_index, VOID]


def _is_black_and_white(values: NDArray[np.uint8]) -> bool:
    return bool(values.max() == VOID and not np.any((values > 0) & (values < VOID)))
