"""Trimap files as labels: 0, 128 and 255 are background, unknown and foreground."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.evaluation.trimaps.sequences import Files
from vstc.formats.dataset import Clip
from vstc.formats.images import read_labels
from vstc.formats.label_encoding import TRIMAP_VALUES, trimap_values_to_ids

Array8 = NDArray[np.uint8]
Size = tuple[int, int]
CHECK = "vstc trimap check FOLDER -o REPAIRED writes repaired trimaps"


def read_trimap(path: Path) -> Array8:
    """Read the values of a trimap as they are, (H, W).

    Raises:
        InputError: Unreadable, or in colours.
    """
    try:
        return read_labels(path)
    except InputError as error:
        raise InputError(f"trimap is not of one channel or not readable: {path}", hint=CHECK) from (
            error
        )


def read_true_trimap(path: Path) -> Array8:
    """Read a true trimap, (H, W): 0, 128 and 255.

    Raises:
        InputError: Unreadable, or another value is in it.
    """
    values = read_trimap(path)
    present = np.flatnonzero(np.bincount(values.reshape(-1), minlength=256))
    strange = sorted(set(present.tolist()) - set(TRIMAP_VALUES))
    if strange:
        raise InputError(f"true trimap holds {strange[0]}, not 0, 128 or 255: {path}", hint=CHECK)
    return values


class TrimapLabels:
    """Predicted trimaps as labels 0, 1 and 2; what is no value of a trimap is a miss.

    Args:
        files: Their files, by sequence and frame name.
        sizes: Height and width that the frames of each sequence must have.
    """

    def __init__(self, files: Mapping[str, Files], sizes: Mapping[str, Size]) -> None:
        self._files = files
        self._sizes = sizes
        self._table = trimap_values_to_ids()
        is_known = np.zeros(256, np.bool_)
        is_known[list(TRIMAP_VALUES)] = True
        self.strays = StrayIds(is_known)

    def reference(self) -> None:
        """Refer to nothing: the plan knows its inputs."""

    def describe(self) -> dict[str, Any]:
        """Tell what the labels are made of."""
        return {"source": "trimaps", "format": "trimaps"}

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames that have a trimap."""
        return self._files[clip.id].keys()

    def labels(self, clip: Clip, frame_name: str) -> Array8:
        """Read a trimap as ids, (H, W).

        Raises:
            InputError: Unreadable, in colours, or of another size than its sequence.
        """
        path = self._files[clip.id][frame_name]
        values = read_trimap(path)
        refuse_other_size(path, (values.shape[0], values.shape[1]), self._sizes[clip.id])
        self.strays.look_at(clip, frame_name, values)
        return np.asarray(cv2.LUT(values, self._table), np.uint8)


def refuse_other_size(path: Path, found: Size, wanted: Size) -> None:
    """Refuse an image that would have to be shifted or stretched to fit.

    Args:
        path: The image.
        found: Its height and width.
        wanted: Height and width of its sequence.

    Raises:
        InputError: They differ.
    """
    if found != wanted:
        raise InputError(
            f"{path} is {found[1]}x{found[0]}, its sequence is {wanted[1]}x{wanted[0]}",
            hint="make it again at the size of the frames; trimaps are never resized here",
        )
