"""Predicted labels in image files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref
from vstc.data.labels import VOID
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.images import read_labels

PREDICTIONS_KIND = "vstc.predictions"


class FolderLabels:
    """Predictions in files ``<clip>/<frame>.png``: an artifact of ours, or any such folder.

    Args:
        folder: The folder.
        dataset: The data set that was predicted; its class table reads colour files.

    Raises:
        InputError: Missing, or an artifact that is incomplete or of another kind.
    """

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        if not folder.is_dir():
            raise InputError(
                f"predictions not found: {folder}",
                hint="vstc predict makes them; the word `labels` judges the true labels",
            )
        self._folder = folder
        self._dataset = dataset
        self._to_table = _void_as_255(dataset)

    def reference(self) -> InputRef:
        """Refer to the folder as an input; one without a manifest by its names and sizes."""
        if (self._folder / MANIFEST).is_file() or (self._folder / "progress.json").is_file():
            return input_ref("predictions", self._folder, kind=PREDICTIONS_KIND)
        files = [path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*.png")]
        identity = fingerprint_files(self._folder, files)
        return InputRef(role="predictions", path=str(self._folder), kind="raw", id=identity)

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames of a clip that have a file."""
        return {path.stem for path in (self._folder / clip.id).glob("*.png")}

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Read the ids of a frame, (H, W); void is 255."""
        path = self._folder / clip.id / f"{frame_name}.png"
        labels = read_labels(path, self._dataset.record.classes)
        return np.asarray(cv2.LUT(labels, self._to_table), np.uint8)


def _void_as_255(dataset: Dataset) -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    table[dataset.ignore_index] = VOID
    for entry in dataset.record.classes:
        if entry.ignore:
            table[entry.id] = VOID
    return table
