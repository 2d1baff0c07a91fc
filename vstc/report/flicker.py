"""Flicker as a picture: pixels whose label changes although what they show stays the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import read_label_ids
from vstc.errors import InputError
from vstc.evaluation.flow_plan import DEFAULT_FLOW_METHOD
from vstc.evaluation.flow_sources.computed import ComputedFlow
from vstc.flow.providers import make_provider
from vstc.flow.remap import fit_flow
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection
from vstc.formats.images import read_labels
from vstc.metrics.warping import warp_labels_next_to_prev
from vstc.report.pictures import fit_labels

Array8 = NDArray[np.uint8]
MAX_FRAMES = 60
_NO_LABEL = 255


@dataclass(frozen=True)
class Change:
    """Where the labels of two neighbouring frames disagree.

    Attributes:
        frame: Place of the frame whose grid the map is on.
        is_changed: (H, W).
        share: Changed pixels among those that can be compared.
    """

    frame: int
    is_changed: NDArray[np.bool_]
    share: float


class LabelMaps(Protocol):
    """Label maps from one source, by clip and frame."""

    def has(self, clip: Clip, index: int) -> bool:
        """Tell whether a frame has a label map."""

    def read(self, clip: Clip, index: int) -> Array8:
        """Read the ids of a frame, (H, W).

        Raises:
            InputError: Missing or unreadable.
        """


class LabelFolder:
    """Label maps of one run, by clip and frame.

    Args:
        dataset: The data set that the run was made on.
        folder: A predictions artifact.
    """

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self._dataset = dataset
        self._folder = folder

    def has(self, clip: Clip, index: int) -> bool:
        """Tell whether a frame has a label map."""
        return self._path(clip, index).is_file()

    def read(self, clip: Clip, index: int) -> Array8:
        """Read the ids of a frame, (H, W).

        Raises:
            InputError: Missing or unreadable.
        """
        return read_labels(self._path(clip, index), self._dataset.record.classes)

    def _path(self, clip: Clip, index: int) -> Path:
        return self._folder / clip.id / f"{clip.frame_names[index]}.png"


class TrueLabels(LabelFolder):
    """The labels of the data set itself."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset, dataset.root)

    def has(self, clip: Clip, index: int) -> bool:
        """Tell whether a frame is labelled."""
        path = self._dataset.label_path(clip, index)
        return path is not None and path.is_file()

    def read(self, clip: Clip, index: int) -> Array8:
        """Read the ids of a labelled frame, (H, W).

        Raises:
            InputError: Missing or unreadable.
        """
        labels = read_label_ids(self._dataset, clip, index)
        if labels is None:
            raise InputError(f"frame {clip.frame_names[index]} of clip {clip.id} has no label")
        return labels


class ChangeFinder:
    """Finds labels that change although the motion is taken out.

    Args:
        dataset: Frames to compute flow from, and which ids are void.
        archives: Flow artifacts; the first that has the clip is used, else flow is computed.
        method: How flow is computed; None takes what evaluation takes.
    """

    def __init__(
        self,
        dataset: Dataset,
        archives: Sequence[FlowArchive],
        *,
        method: str | None = None,
    ) -> None:
        self._archives = archives
        self._method = method or DEFAULT_FLOW_METHOD
        self._computed = ComputedFlow(dataset, make_provider(self._method))
        void = [entry.id for entry in dataset.record.classes if entry.ignore]
        self._is_void = np.zeros(256, bool)
        self._is_void[[*void, dataset.ignore_index, _NO_LABEL]] = True

    def flow_name(self, clip: Clip) -> str:
        """Say where the flow of a clip comes from."""
        archive = self._archive(clip)
        return self._method if archive is None else archive.folder.name

    def between(self, labels: LabelMaps, clip: Clip, index: int) -> Change:
        """Compare the labels of frames ``index`` and ``index + 1``.

        Raises:
            InputError: Labels, frames or flow cannot be read.
        """
        prev, following = labels.read(clip, index), labels.read(clip, index + 1)
        following = fit_labels(following, prev.shape)
        flow, direction = self._flow(clip, index)
        flow = fit_flow(flow, (prev.shape[0], prev.shape[1]))
        if direction is FlowDirection.PREV_TO_NEXT:
            warped = warp_labels_next_to_prev(following, flow, fill=_NO_LABEL)
            return self._change(prev, warped, frame=index)
        # The warp copies source labels from grid + flow; here the grid is the next frame's.
        warped = warp_labels_next_to_prev(prev, flow, fill=_NO_LABEL)
        return self._change(following, warped, frame=index + 1)

    def _flow(self, clip: Clip, index: int) -> tuple[NDArray[np.float32], FlowDirection]:
        archive = self._archive(clip)
        if archive is None:
            with self._computed.open(clip) as computed:
                return computed.prev_to_next(index), FlowDirection.PREV_TO_NEXT
        reader = archive.reader(clip.id)
        direction = reader.info.directions[-1]
        return reader.read(index, direction=direction), direction

    def _change(self, labels: Array8, others: Array8, *, frame: int) -> Change:
        is_valid = ~(self._is_void[labels] | self._is_void[others])
        is_changed = is_valid & (labels != others)
        share = float(is_changed.sum() / max(1, is_valid.sum()))
        return Change(frame=frame, is_changed=is_changed, share=share)

    def _archive(self, clip: Clip) -> FlowArchive | None:
        for archive in self._archives:
            if archive.has(clip.id) and _fits(archive, clip):
                return archive
        return None


@dataclass(frozen=True)
class Unrest:
    """Where a clip is least steady.

    Attributes:
        start: First of three frames with the most changes.
        row: Row of the picture with the most changes, as share of its height.
        frames: Places of the frames that were looked at.
    """

    start: int
    row: float
    frames: tuple[int, ...]


def find_unrest(
    finder: ChangeFinder, labels: LabelMaps, clip: Clip, frames: Sequence[int]
) -> Unrest:
    """Look through a clip for the moment and the row with the most changes.

    Args:
        finder: Finds changes.
        labels: The run to look at.
        clip: The clip.
        frames: Places of consecutive frames with labels, at least three; the first
            ``MAX_FRAMES`` are looked at.
    """
    looked_at = tuple(frames[:MAX_FRAMES])
    shares: list[float] = []
    by_row: NDArray[np.int64] | None = None
    for index in looked_at[:-1]:
        change = finder.between(labels, clip, index)
        shares.append(change.share)
        counts = change.is_changed.sum(axis=1)
        by_row = counts if by_row is None else by_row + counts
    sums = [first + second for first, second in zip(shares, shares[1:], strict=False)]
    start = looked_at[int(np.argmax(sums))]
    return Unrest(start=start, row=_busiest_row(by_row), frames=looked_at)


def _busiest_row(counts: NDArray[np.int64] | None) -> float:
    """Return the row with the most changes, but not near the rim, where flow leaves the frame."""
    if counts is None:
        return 0.5
    margin = len(counts) // 8
    inner = counts[margin : len(counts) - margin]
    return (margin + int(np.argmax(inner)) + 0.5) / len(counts)


def _fits(archive: FlowArchive, clip: Clip) -> bool:
    info = archive.reader(clip.id).info
    return 1 in info.gaps and info.frames == tuple(clip.frame_names)
