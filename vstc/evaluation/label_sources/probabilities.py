"""Predicted labels from a score of every class."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import InputRef
from vstc.data.labels import label_size
from vstc.errors import InputError
from vstc.evaluation.label_sources.best_class import best_class
from vstc.evaluation.label_sources.frame_files import FrameFiles
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.formats.class_scores import ClassScores, ScoreFile, read_npz_scores
from vstc.formats.dataset import Clip, Dataset

HDF5_SUFFIXES = (".h5", ".hdf5")
NPZ_SUFFIX = ".npz"
_ENDINGS = ("pred", "prediction", "probabilities", "logits")


class ScoreReader:
    """Reads scores of frames from ``<clip>.h5`` or ``<clip>/<frame>.npz``, one frame at a time.

    Each thread has the file of one clip open.

    Args:
        folder: The folder.
        dataset: The data set that was predicted.

    Raises:
        InputError: No scores at all, or HDF5 and npz files side by side.
    """

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self._folder = folder
        self._opened = threading.local()
        hdf5 = next((f for clip in dataset.clips if (f := self._hdf5(clip))), None)
        npz = next(folder.rglob(f"*{NPZ_SUFFIX}"), None)
        if hdf5 and npz:
            raise InputError(
                f"{folder} holds scores twice: {hdf5} and {npz}",
                hint="keep one of them in a folder of its own",
            )
        if not hdf5 and not npz:
            raise self._nothing_found(dataset)
        self._npz = None
        if hdf5 is None:
            self._npz = FrameFiles(folder, dataset, suffix=NPZ_SUFFIX, endings=_ENDINGS)
        self.kind = "npz" if hdf5 is None else "hdf5"

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames of a clip that have scores."""
        if self._npz is not None:
            return self._npz.of(clip).keys()
        path = self._hdf5(clip)
        return set(self._open(path, clip).frames) & set(clip.frame_names) if path else ()

    def read(self, clip: Clip, frame_name: str) -> ClassScores:
        """Read the scores of a frame.

        Raises:
            InputError: Missing or damaged.
        """
        if self._npz is not None:
            return read_npz_scores(self._npz.path(clip, frame_name))
        path = self._hdf5(clip)
        if path is None:
            raise InputError(f"clip {clip.id} has no file in {self._folder}")
        return self._open(path, clip).read(frame_name)

    def _hdf5(self, clip: Clip) -> Path | None:
        places = [self._folder / f"{clip.id}{suffix}" for suffix in HDF5_SUFFIXES]
        found = [path for path in places if path.is_file()]
        if len(found) > 1:
            raise InputError(f"clip {clip.id} has two files: {found[0]} and {found[1]}")
        return found[0] if found else None

    def _nothing_found(self, dataset: Dataset) -> InputError:
        clip, frame = "<clip>", "<frame>"
        if dataset.clips:
            clip, frame = dataset.clips[0].id, dataset.clips[0].frame_names[0]
        return InputError(
            f"{self._folder} holds no class scores for any of {len(dataset.clips)} clips",
            hint=f"files must be named like {clip}.h5, or {clip}/{frame}.npz",
        )

    def _open(self, path: Path, clip: Clip) -> ScoreFile:
        """Return this thread's open file; only the last one stays open."""
        opened: ScoreFile | None = getattr(self._opened, "file", None)
        if opened is None or opened.path != path:
            if opened is not None:
                opened.close()
                self._opened.file = None
            opened = ScoreFile(path, clip.frame_names)
            self._opened.file = opened
        return opened


class ProbabilityLabels:
    """The best class of every pixel, from scores that other programs wrote.

    Args:
        folder: Folder of HDF5 or npz files; ``vstc.formats.class_scores`` says what they hold.
        dataset: The data set that was predicted; the channels are its classes.
        resize: Bring scores to the size of the labels before the best class is chosen.

    Raises:
        InputError: There are no scores.
    """

    def __init__(self, folder: Path, dataset: Dataset, *, resize: bool = False) -> None:
        self._folder = folder
        self._dataset = dataset
        self._resize = resize
        self._reader = ScoreReader(folder, dataset)
        self.strays = StrayIds()

    def reference(self) -> InputRef:
        """Refer to the folder as an input, by the names and sizes of its files."""
        suffixes = {NPZ_SUFFIX} if self._reader.kind == "npz" else set(HDF5_SUFFIXES)
        paths = [path for path in self._folder.rglob("*") if path.suffix in suffixes]
        files = [path.relative_to(self._folder).as_posix() for path in paths]
        identity = fingerprint_files(self._folder, files)
        return InputRef(role="predictions", path=str(self._folder), kind="raw", id=identity)

    def describe(self) -> dict[str, Any]:
        """Tell what the labels are made of."""
        resized = "bilinear" if self._resize else None
        return {"source": "scores", "format": self._reader.kind, "resize_scores": resized}

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames of a clip that have scores."""
        return self._reader.available(clip)

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Return the best class of every pixel, (H, W).

        Raises:
            InputError: Missing, damaged, or scores that cannot be.
        """
        scores = self._reader.read(clip, frame_name)
        size = label_size(self._dataset, clip) if self._resize else None
        return best_class(scores, num_classes=self._dataset.num_classes, size=size)
