"""Validation of a refiner: propagated against refined, by the distance from the key frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from vstc.data.labels import read_true_labels
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork
from vstc.metrics.confusion import ConfusionMatrix, mean_of_known
from vstc.models.refiner import Refiner
from vstc.propagation.carry import likeliest
from vstc.propagation.frames import FlowSource, PreparedFrame, prepare_frame, scaled_size, step_maps
from vstc.propagation.inconsistency import StepMaps, fuse_scores
from vstc.propagation.model_networks import ModelKeys, ModelRefiner
from vstc.propagation.networks import KeyRequest, RefinerInput
from vstc.training.loop import Scores
from vstc.training.refiner.carrying import CarriedResult, Pictures, carry_result
from vstc.training.refiner.settings import RefinerSettings

OpenFlow = Callable[[Clip], FlowSource]


@dataclass(frozen=True)
class LabelledFrame:
    """A frame with labels that has frames before it."""

    clip: Clip
    index: int


def choose_frames(clips: list[Clip], *, count: int) -> list[LabelledFrame]:
    """Choose labelled frames that something can be propagated to, spread evenly.

    Args:
        clips: Validation clips.
        count: Choose at most so many.
    """
    frames = [
        LabelledFrame(clip, index)
        for clip in clips
        if clip.is_consecutive
        for index in clip.labelled_indices
        if index > 0
    ]
    if len(frames) <= count:
        return frames
    return [frames[int(place)] for place in np.linspace(0, len(frames) - 1, count).round()]


class RefinerValidation:
    """Measures a refiner on labelled frames, each from key frames at several distances.

    Args:
        network: The frozen network.
        dataset: Frames and labels.
        frames: What is measured on.
        open_flow: Gives the flow of a clip.
        settings: How results are propagated, and the distances.
    """

    def __init__(
        self,
        network: FrameNetwork,
        dataset: Dataset,
        frames: list[LabelledFrame],
        *,
        open_flow: OpenFlow,
        settings: RefinerSettings,
    ) -> None:
        self._network = network
        self._dataset = dataset
        self._frames = frames
        self._open_flow = open_flow
        self._settings = settings
        self._reader = FrameReader(dataset, cache_bytes=settings.cache_mib * 2**20)

    @torch.inference_mode()
    def measure(self, refiner: Refiner) -> Scores:
        """Compare what is propagated and what is refined with the labels.

        Args:
            refiner: It is put into evaluation mode.

        Returns:
            ``miou`` of the refined and ``miou_warped`` of the propagated result, means over the
            distances, and each at every distance: ``miou_at_4``, ``miou_warped_at_4``. In [0, 1];
            None where no frame has such a key frame.
        """
        keys = ModelKeys(self._network, tap=refiner.tap)
        refines = ModelRefiner(refiner, self._network)
        distances = self._settings.validated_distances
        counts = {d: (self._confusion(), self._confusion()) for d in distances}
        for frame in self._frames:
            labels = read_true_labels(self._dataset, frame.clip, frame.index)
            assert labels is not None
            size = (labels.shape[0], labels.shape[1])
            for distance, current, carried in self._carried(frame, keys, refiner):
                refined = self._refined(refines, current, carried)
                for matrix, scores in zip(
                    counts[distance], (carried.probabilities, refined), strict=True
                ):
                    matrix.update(labels, likeliest(scores[0], size))
        return _scores(counts)

    def _confusion(self) -> ConfusionMatrix:
        return ConfusionMatrix(self._dataset.num_classes)

    def _carried(
        self, frame: LabelledFrame, keys: ModelKeys, refiner: Refiner
    ) -> Iterator[tuple[int, PreparedFrame, CarriedResult]]:
        """Yield distance, frame, and what reaches the frame from there."""
        settings = self._settings.propagation
        flow = self._open_flow(frame.clip)

        @cache
        def prepared(index: int) -> PreparedFrame:
            return prepare_frame(index, self._reader.read(frame.clip, index), settings)

        @cache
        def maps_to(index: int) -> StepMaps:
            return step_maps(flow, prepared(index), prepared(index - 1), settings)

        current = prepared(frame.index)
        request = KeyRequest(
            scaled_size(current.size, settings.carry_scale),
            probabilities=True,
            feature=refiner.tap is not None,
        )
        for distance in self._settings.validated_distances:
            if distance > frame.index:
                continue
            key = prepared(frame.index - distance)
            pictures = None
            if refiner.takes_residual:
                pictures = Pictures.of(key.rgb, current.rgb, settings)
            steps = [maps_to(index) for index in range(key.index + 1, frame.index + 1)]
            yield (
                distance,
                current,
                carry_result(
                    keys.segment(key, request),
                    steps,
                    frame_size=current.size,
                    pictures=pictures,
                    settings=settings,
                ),
            )

    @staticmethod
    def _refined(
        refines: ModelRefiner, frame: PreparedFrame, carried: CarriedResult
    ) -> torch.Tensor:
        given = RefinerInput(
            frame, carried.probabilities, carried.inconsistency, carried.feature, carried.residual
        )
        return fuse_scores(carried.probabilities, refines.refine(given), carried.inconsistency)


def _scores(counts: dict[int, tuple[ConfusionMatrix, ConfusionMatrix]]) -> Scores:
    scores: Scores = {}
    for place, name in ((1, "miou"), (0, "miou_warped")):
        at = {d: matrices[place].scores().miou for d, matrices in counts.items()}
        scores[name] = mean_of_known(list(at.values()))
        scores |= {f"{name}_at_{distance}": value for distance, value in at.items()}
    return scores
