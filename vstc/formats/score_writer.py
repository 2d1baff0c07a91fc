"""Write class probabilities as ``vstc.formats.class_scores`` reads them: a file for each clip."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import atomic_path, output_failure
from vstc.formats.class_scores import FRAMES, PROBABILITIES
from vstc.formats.hdf5_file import new_hdf5


class ScoreWriter:
    """Writes ``/probabilities`` (T, C, H, W) float16 and the names of the T frames, ``/frames``.

    The file appears only when it is whole. Values are not compressed: they hardly shrink (by a
    third), and packing them takes longer than most networks.

    Args:
        path: The file to be. Its folder is made.
        num_classes: C.
        size: H and W.

    Raises:
        OutputError: The disk is full or the folder cannot be written; ``write`` and ``close``
            raise it too.
    """

    def __init__(self, path: Path, *, num_classes: int, size: tuple[int, int]) -> None:
        self._path = path
        self._shape = (num_classes, *size)
        self._names: list[str] = []
        with ExitStack() as stack:
            partial = stack.enter_context(atomic_path(path))
            self._file = stack.enter_context(new_hdf5(partial))
            self._scores = self._file.create_dataset(
                PROBABILITIES,
                shape=(0, *self._shape),
                maxshape=(None, *self._shape),
                chunks=(1, *self._shape),
                dtype=np.float16,
            )
            self._stack = stack.pop_all()

    @property
    def frames(self) -> int:
        """How many frames were written."""
        return len(self._names)

    def write(self, frame_name: str, probabilities: NDArray[Any]) -> None:
        """Append the probabilities of a frame, (C, H, W)."""
        if probabilities.shape != self._shape:
            raise ValueError(f"probabilities {probabilities.shape}, expected {self._shape}")
        try:
            self._scores.resize(len(self._names) + 1, axis=0)
            self._scores[-1] = probabilities
        except OSError as error:
            raise output_failure(self._path, error) from error
        self._names.append(frame_name)

    def close(self) -> None:
        """Finish the file and put it in its place."""
        names = np.array([name.encode() for name in self._names] or [b""])[: len(self._names)]
        self._file.create_dataset(FRAMES, data=names)
        self._stack.close()

    def abort(self) -> None:
        """Drop everything that was written."""
        error = _GivenUpError()
        self._stack.__exit__(_GivenUpError, error, None)


class _GivenUpError(Exception):
    """Tells the temporary file that it is not wanted any more."""
