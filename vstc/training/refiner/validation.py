"""Validation of a refiner: propagated against refined, by the distance from the key frame."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from vstc.data.labels import read_true_labels
from vstc.formats.dataset import Dataset
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork
from vstc.metrics.confusion import ConfusionMatrix
from vstc.models.refiner import Refiner
from vstc.propagation.carrying.carry import likeliest
from vstc.propagation.carrying.inconsistency import fuse_scores
from vstc.propagation.frames import PreparedFrame, scaled_size
from vstc.propagation.model_networks import ModelKeys, ModelRefiner
from vstc.propagation.networks import KeyRequest, RefinerInput
from vstc.training.loop import Scores
from vstc.training.pairs.approaches import (
    Approach,
    LabelledFrame,
    OpenFlow,
    approaches,
    scores_by_distance,
)
from vstc.training.pairs.carrying import CarriedResult, Pictures, carry_result
from vstc.training.refiner.settings import RefinerSettings


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
        counts = {
            name: {d: self._confusion() for d in self._settings.validated_distances}
            for name in ("miou", "miou_warped")
        }
        for frame in self._frames:
            labels = read_true_labels(self._dataset, frame.clip, frame.index)
            assert labels is not None
            size = (labels.shape[0], labels.shape[1])
            for approach in self._approaches(frame):
                carried = self._carried(approach, keys, refiner)
                refined = self._refined(refines, approach.current, carried)
                for name, scores in (("miou", refined), ("miou_warped", carried.probabilities)):
                    matrix = counts[name][approach.distance]
                    matrix.update(labels, likeliest(scores[0], size))
        return scores_by_distance(counts)

    def _confusion(self) -> ConfusionMatrix:
        return ConfusionMatrix(self._dataset.num_classes)

    def _approaches(self, frame: LabelledFrame) -> Iterator[Approach]:
        return approaches(
            frame,
            self._settings.validated_distances,
            reader=self._reader,
            flow=self._open_flow(frame.clip),
            settings=self._settings.propagation,
        )

    def _carried(self, approach: Approach, keys: ModelKeys, refiner: Refiner) -> CarriedResult:
        settings, current = self._settings.propagation, approach.current
        request = KeyRequest(
            scaled_size(current.size, settings.carry_scale),
            probabilities=True,
            feature=refiner.tap is not None,
        )
        pictures = None
        if refiner.takes_residual:
            pictures = Pictures.of(approach.key.rgb, current.rgb, settings)
        return carry_result(
            keys.segment(approach.key, request),
            approach.steps,
            frame_size=current.size,
            pictures=pictures,
            settings=settings,
        )

    @staticmethod
    def _refined(
        refines: ModelRefiner, frame: PreparedFrame, carried: CarriedResult
    ) -> torch.Tensor:
        given = RefinerInput(
            frame, carried.probabilities, carried.inconsistency, carried.feature, carried.residual
        )
        return fuse_scores(carried.probabilities, refines.refine(given), carried.inconsistency)
