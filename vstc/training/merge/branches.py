"""The scores that are merged: of a head on carried features, and of a light network.

Shapes: B samples, K classes, H x W the crop, h x w what is carried, shared out over its area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vstc.inference.network import FrameNetwork
from vstc.models.grids import Grid, resample
from vstc.models.segmentation_model import SegmentationModel
from vstc.propagation.frames import scaled_size
from vstc.propagation.model_networks import cells_in_frame
from vstc.propagation.networks import Feature, KeyResult
from vstc.propagation.settings import PropagateSettings
from vstc.training.pairs.carried_batch import corner_grid
from vstc.training.pairs.carrying import carry_feature
from vstc.training.pairs.samples import PairBatch


@dataclass(frozen=True)
class BranchScores:
    """What the merging layer takes.

    Attributes:
        carried_BKhw: Logits of the key network's head on the carried features.
        light_BKhw: Logits of the light network on the current frames.
        grid: Where their cells lie in the crop.
    """

    carried_BKhw: torch.Tensor
    light_BKhw: torch.Tensor
    grid: Grid


class Branches:
    """Both networks, frozen, on the device of the batches.

    Args:
        network: The key network; crops are made at its input scale.
        light: The light network; its input scale is the factor between a crop and its input.
        settings: How features are propagated.
    """

    def __init__(
        self,
        network: SegmentationModel,
        light: FrameNetwork,
        settings: PropagateSettings,
    ) -> None:
        self._network = network.eval().requires_grad_(False)
        self._light = light
        light.model.requires_grad_(False)
        self._settings = settings

    @torch.no_grad()
    def scores(self, batch: PairBatch) -> BranchScores:
        """Run both networks on a batch, as propagation does on frames."""
        crop = (batch.key_B3HW.shape[-2], batch.key_B3HW.shape[-1])
        area = Grid.over_area(scaled_size(crop, self._settings.carry_scale), crop)
        logits = self._network.classify(self._carried(batch))
        carried = resample(logits.float(), corner_grid(logits, crop), area)
        return BranchScores(carried, self._light_scores(batch.current_B3HW, area), area)

    @torch.no_grad()
    def key_logits(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        """Return the key network's own logits, which stand for labels where there are none."""
        logits: torch.Tensor = self._network(images_B3HW).logits
        return logits

    def _carried(self, batch: PairBatch) -> torch.Tensor:
        """Return the key frames' features, carried to the current frames."""
        crop = (batch.key_B3HW.shape[-2], batch.key_B3HW.shape[-1])
        output = self._network(batch.key_B3HW)
        grid = corner_grid(output.features, crop)
        no_labels = torch.zeros(1, 1, dtype=torch.uint8).numpy()
        carried = [
            carry_feature(
                KeyResult(no_labels, no_labels, None, Feature(values[None], grid, crop)),
                steps,
                frame_size=crop,
                settings=self._settings,
            )
            for values, steps in zip(output.features.float(), batch.steps, strict=True)
        ]
        return torch.cat([feature.values for feature in carried])

    def _light_scores(self, images_B3HW: torch.Tensor, area: Grid) -> torch.Tensor:
        frames = np.ascontiguousarray(images_B3HW.permute(0, 2, 3, 1).cpu().numpy())
        prepared = self._light.prepare(list(frames))
        logits = self._light.model(prepared.images).logits.float()
        return resample(logits, cells_in_frame(logits, prepared), area)
