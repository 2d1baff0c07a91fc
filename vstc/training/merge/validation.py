"""Validation of a merging layer against the mean of both scores, by the distance carried."""

from __future__ import annotations

import torch

from vstc.data.labels import read_true_labels
from vstc.formats.dataset import Dataset
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork
from vstc.metrics.confusion import ConfusionMatrix
from vstc.models.score_merge import ScoreMerge
from vstc.propagation.carrying.carry import likeliest
from vstc.propagation.carrying.maps import Size
from vstc.propagation.frames import scaled_size
from vstc.propagation.model_networks import ModelKeys
from vstc.propagation.networks import KeyRequest
from vstc.training.loop import Scores
from vstc.training.merge.settings import MergeSettings
from vstc.training.pairs.approaches import (
    Approach,
    LabelledFrame,
    OpenFlow,
    approaches,
    scores_by_distance,
)
from vstc.training.pairs.carrying import carry_feature

NAMES = ("miou", "miou_mean", "miou_carried", "miou_light")


class MergeValidation:
    """Measures a merging layer on labelled frames, each from key frames at several distances.

    Args:
        network: The key network.
        light: The light network.
        dataset: Frames and labels.
        frames: What is measured on.
        open_flow: Gives the flow of a clip.
        settings: How features are propagated, and the distances.
    """

    def __init__(
        self,
        network: FrameNetwork,
        light: FrameNetwork,
        dataset: Dataset,
        frames: list[LabelledFrame],
        *,
        open_flow: OpenFlow,
        settings: MergeSettings,
    ) -> None:
        self._keys = ModelKeys(network)
        self._light = ModelKeys(light)
        self._dataset = dataset
        self._frames = frames
        self._open_flow = open_flow
        self._settings = settings
        self._reader = FrameReader(dataset, cache_bytes=settings.cache_mib * 2**20)
        self._mean = ScoreMerge(dataset.num_classes).eval().to(network.device)

    @torch.inference_mode()
    def measure(self, merge: ScoreMerge) -> Scores:
        """Compare merged scores, their mean, and either alone with the labels.

        Args:
            merge: It is put into evaluation mode.

        Returns:
            ``miou`` of the layer, ``miou_mean`` of the mean of both, ``miou_carried`` of the
            carried feature and ``miou_light`` of the light network, means over the distances,
            and each at every distance: ``miou_at_4``. In [0, 1]; None where no frame has such a
            key frame.
        """
        merge.eval()
        settings, distances = self._settings, self._settings.validated_distances
        counts = {
            name: {d: ConfusionMatrix(self._dataset.num_classes) for d in distances}
            for name in NAMES
        }
        for frame in self._frames:
            labels = read_true_labels(self._dataset, frame.clip, frame.index)
            assert labels is not None
            light = None
            for approach in approaches(
                frame,
                distances,
                reader=self._reader,
                flow=self._open_flow(frame.clip),
                settings=settings.propagation,
            ):
                current = approach.current
                size = scaled_size(current.size, settings.propagation.carry_scale)
                light = self._light.scores(current, size) if light is None else light
                carried = self._carried(approach, size)
                both = (carried, light)
                found = (merge(*both), self._mean(*both), *both)
                for name, scores in zip(NAMES, found, strict=True):
                    shown = likeliest(scores[0], current.size)
                    counts[name][approach.distance].update(labels, shown)
        return scores_by_distance(counts)

    def _carried(self, approach: Approach, size: Size) -> torch.Tensor:
        request = KeyRequest(size, probabilities=False, feature=True)
        feature = carry_feature(
            self._keys.segment(approach.key, request),
            approach.steps,
            frame_size=approach.current.size,
            settings=self._settings.propagation,
        )
        return self._keys.classify(feature, size)
