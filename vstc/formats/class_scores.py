"""A score of every class for every pixel, as other programs write them: HDF5 and npz files.

The name says what the numbers are. ``probabilities`` are not negative and sum to 1 in every
pixel; ``logits`` are any finite numbers. Types are float16, float32 and float64, or uint8 and
uint16 with an attribute (HDF5) or a second array (npz) called ``scale``: value = stored * scale.
The order of the axes is (C, H, W).

HDF5, one file per clip: ``/probabilities`` or ``/logits`` is either a data set (T, C, H, W), with
the names of its T frames in a data set ``/frames`` (without it, they are all frames of the clip),
or a group that holds a data set (C, H, W) for each frame, called after it.

npz, one file per frame: an array ``probabilities`` or ``logits``, (C, H, W).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError

PROBABILITIES, LOGITS, FRAMES, SCALE = "probabilities", "logits", "frames", "scale"
_HINT = "docs/evaluation-inputs.md says how such files are laid out"


@dataclass(frozen=True)
class ClassScores:
    """Scores of one frame as they are stored.

    Attributes:
        values: (C, H, W) float16, float32, float64, uint8 or uint16.
        scale: What a stored unit is worth; 1 for floats.
        are_logits: They are any numbers and need not sum to 1.
        place: Where they were read, for messages.
    """

    values: NDArray[Any]
    scale: float
    are_logits: bool
    place: str


def read_npz_scores(path: Path) -> ClassScores:
    """Read the scores of a frame.

    Raises:
        InputError: Missing or damaged, holding Python objects, or laid out in another way.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            name = _name_in(content.files, path)
            values = content[name]
            scale = content[SCALE] if SCALE in content.files else None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"class scores are not readable: {path}: {error}") from error
    return _checked(values, scale, name=name, place=str(path))


class ScoreFile:
    """The scores of one clip in an HDF5 file, read frame by frame. For one thread at a time.

    Args:
        path: The file.
        frame_names: The frames of the clip in order.

    Attributes:
        frames: Names of the frames that have scores.

    Raises:
        InputError: Missing, damaged, or laid out in another way.
    """

    def __init__(self, path: Path, frame_names: Sequence[str]) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise InputError(f"class scores are not readable: {path}: {error}") from error
        try:
            self._name = _name_in(self._file, path)
            self._scores = self._file[self._name]
            self.frames: Collection[str] = self._frames(frame_names)
        except BaseException:
            self.close()
            raise

    def read(self, frame_name: str) -> ClassScores:
        """Read the scores of a frame.

        Raises:
            InputError: It has none, or the file is damaged.
        """
        if frame_name not in self.frames:
            raise InputError(f"frame {frame_name} has no scores in {self.path}")
        try:
            if isinstance(self._scores, h5py.Group):
                stored = self._scores[frame_name]
                values = stored[()] if isinstance(stored, h5py.Dataset) else stored
            else:
                stored = self._scores
                values = stored[list(self.frames).index(frame_name)]
        except (OSError, RuntimeError) as error:
            raise InputError(f"class scores are damaged: {self.path}: {error}") from error
        scale = stored.attrs.get(SCALE, self._scores.attrs.get(SCALE))
        place = f"{self.path}, frame {frame_name}"
        return _checked(values, scale, name=self._name, place=place)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _frames(self, frame_names: Sequence[str]) -> Collection[str]:
        if isinstance(self._scores, h5py.Group):
            return list(self._scores.keys())
        if self._scores.ndim != 4:
            raise InputError(
                f"{self._name} in {self.path} have the shape {self._scores.shape}, not "
                "(frames, classes, height, width)",
                hint=_HINT,
            )
        names = list(frame_names)
        if FRAMES in self._file:
            stored = self._file[FRAMES][()]
            names = [n.decode() if isinstance(n, bytes) else str(n) for n in np.ravel(stored)]
        if len(names) != self._scores.shape[0] or len(set(names)) != len(names):
            whose = f"{len(names)} names in /{FRAMES}"
            if FRAMES not in self._file:
                whose = f"a clip of {len(names)} frames and no /{FRAMES} that names them"
            raise InputError(
                f"{self.path} holds {self._name} of {self._scores.shape[0]} frames, but {whose}",
                hint=_HINT,
            )
        return names


def _name_in(names: Collection[str], path: Path) -> str:
    found = [name for name in (PROBABILITIES, LOGITS) if name in names]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(sorted(names)[:5]) or "nothing"
    raise InputError(
        f"{path} must hold either {PROBABILITIES} or {LOGITS}; it holds {listed}",
        hint=f"np.savez(path, {PROBABILITIES}=array) names an array; {_HINT}",
    )


def _checked(values: Any, scale: Any, *, name: str, place: str) -> ClassScores:
    if not isinstance(values, np.ndarray) or values.ndim != 3:
        shape = getattr(values, "shape", None)
        raise InputError(
            f"{name} have the shape {shape}, not (classes, height, width): {place}", hint=_HINT
        )
    are_logits = name == LOGITS
    if values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        return ClassScores(values, 1.0, are_logits, place)
    if values.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{name} are of type {values.dtype}: {place}", hint=_HINT)
    try:
        unit = float(scale)
    except (TypeError, ValueError):
        unit = 0.0
    if not 0 < unit < float("inf"):
        raise InputError(
            f"{name} of type {values.dtype} need a positive scale, found {scale}: {place}",
            hint="value = stored * scale, such as 1/255 for 8 bits",
        )
    return ClassScores(values, unit, are_logits, place)
