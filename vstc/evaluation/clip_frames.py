"""The frames of a clip in order, read ahead by threads where cores are free."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import label_size, read_true_labels
from vstc.errors import InputError
from vstc.evaluation.flow_sources.source import ClipFlow, FlowNeeds
from vstc.evaluation.frame import JudgedFrame, PairFlow
from vstc.evaluation.label_sources.source import LabelSource
from vstc.formats.dataset import Clip, Dataset

Labels = NDArray[np.uint8]
Size = tuple[int, int]
_AHEAD_PER_THREAD = 2


@dataclass(frozen=True)
class Helpers:
    """Threads that read ahead.

    Attributes:
        pool: Runs them.
        num_threads: How many there are.
    """

    pool: Executor
    num_threads: int


class ClipFrames:
    """Reads the frames of one clip.

    Args:
        dataset: True labels.
        predictions: Predicted labels.
        clip: The clip.
        wanted: Places of the frames to read; each has a prediction.
        labelled: Places of those whose true labels are read too.
        flow: Flow of the clip; None without.
        needs: What will be asked of the flow.
        resize: Bring predictions to the size of the labels by nearest pixel; else another size
            is an error.
    """

    def __init__(
        self,
        dataset: Dataset,
        predictions: LabelSource,
        clip: Clip,
        *,
        wanted: Collection[int],
        labelled: Collection[int],
        flow: ClipFlow | None = None,
        needs: FlowNeeds | None = None,
        resize: bool = False,
    ) -> None:
        self._dataset = dataset
        self._predictions = predictions
        self._clip = clip
        self._wanted = frozenset(wanted)
        self._labelled = frozenset(labelled)
        self._flow = flow
        self._needs = needs
        self._resize = resize
        self._size = label_size(dataset, clip)

    def read(self, helpers: Helpers | None = None) -> Iterator[JudgedFrame]:
        """Yield the wanted frames in order, each with the one before it if they are neighbours.

        Args:
            helpers: Threads that read and compute flow ahead; without them each frame is read
                when it is asked for.

        Raises:
            InputError: A file is not readable or does not fit.
        """
        previous: JudgedFrame | None = None
        for frame in self._in_order(helpers):
            if self._size is None:
                self._size = frame.size
            follows = previous is not None and self._follows(frame.index)
            yield replace(frame, previous=previous) if follows else frame
            previous = frame.alone()

    def _in_order(self, helpers: Helpers | None) -> Iterator[JudgedFrame]:
        places = iter(sorted(self._wanted))
        if helpers is None or self._size is None:
            # Without labels the first frame gives the size that all others must have.
            for index in places if helpers is None else islice(places, 1):
                yield self._load(index)
        if helpers is None:
            return
        pending: deque[Future[JudgedFrame]] = deque()
        try:
            for index in places:
                pending.append(helpers.pool.submit(self._load_all, index))
                if len(pending) > _AHEAD_PER_THREAD * helpers.num_threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def _follows(self, index: int) -> bool:
        """Tell whether the frame before one is read too, and close to it in time."""
        return self._clip.is_consecutive and index - 1 in self._wanted

    def _load(self, index: int) -> JudgedFrame:
        predicted = self._predicted(self._clip.frame_names[index])
        size = (predicted.shape[0], predicted.shape[1])
        true = self._true(index, size) if index in self._labelled else None
        flow = None
        if self._flow is not None and self._follows(index):
            flow = PairFlow(self._flow, index - 1, size)
        return JudgedFrame(index=index, predicted=predicted, true=true, flow=flow)

    def _load_all(self, index: int) -> JudgedFrame:
        frame = self._load(index)
        if frame.flow is not None and self._needs is not None:
            frame.flow.fetch(self._needs)
        return frame

    def _predicted(self, frame_name: str) -> Labels:
        labels = self._predictions.labels(self._clip, frame_name)
        size = self._size
        if size is None or labels.shape == size:
            return labels
        if self._resize:
            resized = cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
            return np.asarray(resized, np.uint8)
        raise InputError(
            f"prediction {self._clip.id}/{frame_name} is {_shown(labels.shape)}, "
            f"the labels are {_shown(size)}",
            hint="predict at the size of the labels, or add --resize-predictions",
        )

    def _true(self, index: int, size: Size) -> Labels:
        labels = read_true_labels(self._dataset, self._clip, index)
        if labels is None:
            raise ValueError(f"frame {index} of clip {self._clip.id} has no label")
        if labels.shape != size:
            raise InputError(
                f"labels of clip {self._clip.id} differ in size: "
                f"{self._clip.frame_names[index]} is {_shown(labels.shape)}, "
                f"others are {_shown(size)}"
            )
        return labels


def _shown(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"
