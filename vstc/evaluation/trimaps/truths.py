"""True trimaps and true alpha of sequences, read frame by frame."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vstc.evaluation.trimaps.inputs import TrimapSequence
from vstc.evaluation.trimaps.labels import Array8, read_true_trimap, refuse_other_size
from vstc.evaluation.trimaps.settings import IMAGE, UNKNOWN
from vstc.formats.alpha import Alpha, read_alpha
from vstc.formats.dataset import Clip
from vstc.formats.label_encoding import TRIMAP_VALUES

_UNKNOWN_VALUE = TRIMAP_VALUES[1]


class Truths:
    """Reads what is true of the frames of some sequences.

    Args:
        sequences: The sequences.
    """

    def __init__(self, sequences: Iterable[TrimapSequence]) -> None:
        self._sequences = {sequence.clip.id: sequence for sequence in sequences}

    def trimaps(self, clip: Clip, index: int) -> dict[str, Array8] | None:
        """Read the true trimaps of a frame by width; None where it has none.

        Raises:
            InputError: Unreadable, of another size, or no trimap.
        """
        sequence, name = self._sequences[clip.id], clip.frame_names[index]
        if any(name not in files for files in sequence.truths.values()):
            return None
        return {width: self._trimap(sequence, width, name) for width in sequence.truths}

    def alpha(self, clip: Clip, index: int) -> Alpha | None:
        """Read the true alpha of a frame; None where it has none.

        Raises:
            InputError: Unreadable, or of another size.
        """
        sequence = self._sequences[clip.id]
        path = sequence.alphas.get(clip.frame_names[index])
        if path is None:
            return None
        alpha = read_alpha(path)
        refuse_other_size(path, (alpha.shape[0], alpha.shape[1]), sequence.size)
        return alpha

    def region(self, name: str, clip: Clip, index: int, trimap: Array8) -> NDArray[np.bool_] | None:
        """Return the pixels of a frame in which errors of its matte count; None for all.

        Args:
            name: As ``TrimapSettings.region``.
            clip: The clip.
            index: Place of the frame.
            trimap: Its trimap, (H, W).
        """
        if name == IMAGE:
            return None
        if name != UNKNOWN:
            trimap = self._trimap(self._sequences[clip.id], name, clip.frame_names[index])
        return np.asarray(trimap == _UNKNOWN_VALUE, np.bool_)

    def _trimap(self, sequence: TrimapSequence, width: str, name: str) -> Array8:
        path = sequence.truths[width][name]
        trimap = read_true_trimap(path)
        refuse_other_size(path, (trimap.shape[0], trimap.shape[1]), sequence.size)
        return trimap
