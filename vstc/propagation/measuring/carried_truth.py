"""How well true labels survive being carried: what flow and warping cost, without any network.

Every labelled frame is a key frame once. Its labels are carried to the frames after it (or before
it) by the stages of the engine and compared with the true labels there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import read_true_labels
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader
from vstc.metrics.confusion import ConfusionMatrix
from vstc.propagation.carrying.carry import Labels, resize_ids
from vstc.propagation.carrying.inconsistency import spread
from vstc.propagation.carrying.maps import Flow
from vstc.propagation.chain import ChainState
from vstc.propagation.frames import ComputedFlow, FlowSource, PreparedFrame, prepare_frame
from vstc.propagation.networks import VOID, LabelKeys
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks, Outcome, Stages


class SwappedFlow:
    """The classic mistake: the flow of the other direction, as if it were the right one.

    Args:
        flows: The right flow.
    """

    def __init__(self, flows: FlowSource) -> None:
        self._flows = flows

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> Flow:
        """Return flow_source_to_target where flow_target_to_source was asked for."""
        return self._flows.flow(source, target)


@dataclass(frozen=True)
class MaskQuality:
    """How well a mask of one radius finds wrong labels.

    Attributes:
        radius: Pixels of dilation.
        flagged: Share of all pixels that are flagged.
        recall: Share of the wrong pixels that are flagged; None without wrong pixels.
        corrected_miou: mIoU if all flagged pixels were put right.
    """

    radius: int
    flagged: float
    recall: float | None
    corrected_miou: float | None


@dataclass(frozen=True)
class CarriedScore:
    """Labels carried over one distance, all target frames together.

    Attributes:
        distance: Frames between key frame and target.
        targets: Target frames.
        matrix: Counts; pixels that are void in the true or the carried labels are left out.
        masks: One entry per radius asked for.
    """

    distance: int
    targets: int
    matrix: ConfusionMatrix
    masks: tuple[MaskQuality, ...]

    @property
    def miou(self) -> float | None:
        """Mean IoU of the classes that occur, in [0, 1]."""
        return self.matrix.scores().miou

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        masks = [vars(mask) for mask in self.masks]
        return {
            "distance": self.distance,
            "targets": self.targets,
            "miou": self.miou,
            "per_class_iou": list(self.matrix.scores().per_class_iou),
            "masks": masks,
        }


def carry_truth(
    dataset: Dataset,
    clip: Clip,
    settings: PropagateSettings,
    *,
    distances: Sequence[int],
    from_future: bool = False,
    is_swapped: bool = False,
    radii: Sequence[int] = (),
    flows: FlowSource | None = None,
    advance: Callable[[int], None] | None = None,
) -> list[CarriedScore]:
    """Carry the true labels of every frame of a clip and score them.

    Args:
        dataset: Where frames and labels are.
        clip: A clip whose frames follow one another.
        settings: How labels are carried.
        distances: Which distances are scored; every frame that far behind a labelled one is a
            target.
        from_future: Carry to earlier frames instead.
        is_swapped: Use the flow of the wrong direction.
        radii: Score the mask at these radii, not smoothed; ``settings.iam.always`` makes it.
        flows: Flow that is ready; None computes what the settings say.
        advance: Told of every finished frame.

    Raises:
        InputError: A frame of the clip has no label.
    """
    flows = flows or ComputedFlow(settings.flow.make_provider())
    truth = _Truth(dataset, clip)
    keys = LabelKeys(truth.labels, num_classes=dataset.num_classes)
    stages = Stages(settings, Networks(keys, SwappedFlow(flows) if is_swapped else flows))
    counters = {d: _Counter(d, dataset.num_classes, radii) for d in sorted(set(distances))}
    order = range(len(clip.frames))
    chains: list[ChainState] = []
    last: PreparedFrame | None = None
    for index in reversed(order) if from_future else order:
        frame = prepare_frame(index, truth.frame(index), settings)
        if last is not None:
            step = partial(stages.step, target=frame, maps=stages.maps(frame, last))
            chains = [step(state) for state in chains[-max(counters) :]]
        for state in chains:
            counter = counters.get(abs(index - state.key_index))
            if counter is not None:
                content = stages.content(Outcome(frame.size, carried=state.carried))
                carried = stages.labels(content, frame.size)
                counter.add(truth.labels(index), carried, state)
        chains.append(stages.place_key(frame)[0])
        last = frame
        if advance is not None:
            advance(1)
    return [counter.score() for counter in counters.values()]


def look_ahead_miou(
    past: Sequence[CarriedScore], future: Sequence[CarriedScore], gap: int, *, from_past: int
) -> float | None:
    """Return the mIoU of all frames between key frames that lie ``gap`` apart.

    Every phase of the key frames counts once.

    Args:
        past: Scores of the distances 1 .. gap - 1, carried from the past.
        future: The same from the future.
        gap: Distance of the key frames.
        from_past: So many frames after a key frame come from the past; ``gap - 1`` is causal.
    """
    by_distance = {score.distance: score for score in past}
    back = {score.distance: score for score in future}
    total: ConfusionMatrix | None = None
    for distance in range(1, gap):
        score = by_distance[distance] if distance <= from_past else back[gap - distance]
        if total is None:
            total = ConfusionMatrix(score.matrix.num_classes, score.matrix.ignore_index)
        total.merge(score.matrix)
    return None if total is None else total.scores().miou


class _Truth:
    """Frames and labels of a clip; a few labels are kept, as each is asked for twice."""

    def __init__(self, dataset: Dataset, clip: Clip) -> None:
        self._dataset = dataset
        self._clip = clip
        self._reader = FrameReader(dataset)
        self._last: tuple[int, Labels] | None = None

    def frame(self, index: int) -> NDArray[np.uint8]:
        return self._reader.read(self._clip, index)

    def labels(self, index: int) -> Labels:
        if self._last is None or self._last[0] != index:
            labels = read_true_labels(self._dataset, self._clip, index)
            if labels is None:
                name = self._clip.frame_names[index]
                raise InputError(f"clip {self._clip.id}: frame {name} has no label")
            self._last = (index, labels)
        return self._last[1]


class _Counter:
    """Counts one distance."""

    def __init__(self, distance: int, num_classes: int, radii: Sequence[int]) -> None:
        self._distance = distance
        self._targets = 0
        self._matrix = ConfusionMatrix(num_classes, VOID)
        self._masks = [_MaskCounter(radius, num_classes) for radius in radii]

    def add(self, true: Labels, carried: Labels, state: ChainState) -> None:
        known = np.where(carried == VOID, VOID, true).astype(np.uint8)
        self._targets += 1
        self._matrix.update(known, carried)
        if self._masks and state.doubt is not None:
            for mask in self._masks:
                mask.add(known, carried, state.doubt.flagged)

    def score(self) -> CarriedScore:
        masks = tuple(mask.quality() for mask in self._masks)
        return CarriedScore(self._distance, self._targets, self._matrix, masks)


class _MaskCounter:
    """Counts what a mask of one radius finds."""

    def __init__(self, radius: int, num_classes: int) -> None:
        self._radius = radius
        self._pixels = self._flagged = self._wrong = self._found = 0
        self._corrected = ConfusionMatrix(num_classes, VOID)

    def add(self, known: Labels, carried: Labels, flagged: NDArray[np.uint8]) -> None:
        wide = spread(flagged, radius=self._radius, sigma=0).astype(np.uint8)
        mask = resize_ids(wide, (known.shape[0], known.shape[1]))
        wrong = np.asarray((carried != known) & (known != VOID), np.uint8)
        self._pixels += mask.size
        self._flagged += cv2.countNonZero(mask)
        self._wrong += cv2.countNonZero(wrong)
        self._found += cv2.countNonZero(wrong & mask)
        self._corrected.update(known, np.where(mask > 0, known, carried).astype(np.uint8))

    def quality(self) -> MaskQuality:
        return MaskQuality(
            self._radius,
            self._flagged / max(self._pixels, 1),
            self._found / self._wrong if self._wrong else None,
            self._corrected.scores().miou,
        )
