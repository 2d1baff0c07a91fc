"""The network's results of a batch's key frames, carried to its current frames.

Shapes: B samples, h x w what is carried, shared out over the area of the crop, H x W the crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.models.grids import Grid, resample
from vstc.models.refiner import Refiner
from vstc.models.taps import TappedModel
from vstc.propagation.frames import scaled_size
from vstc.propagation.networks import Feature, KeyResult
from vstc.propagation.settings import PropagateSettings
from vstc.training.pairs.carrying import CarriedResult, Pictures, carry_result
from vstc.training.pairs.samples import PairBatch


@dataclass(frozen=True)
class CarriedBatch:
    """What the refiner takes.

    Attributes:
        probabilities_BKhw: Carried class probabilities.
        inconsistency_B1hw: M, 0..1.
        feature_BChw: The carried feature, on its own grid; None if the refiner takes none.
        residual_B1hw: Difference of colour, 0..1; None if the refiner takes none.
        grid: Where the cells of the maps lie in the crop.
    """

    probabilities_BKhw: torch.Tensor
    inconsistency_B1hw: torch.Tensor
    feature_BChw: torch.Tensor | None
    residual_B1hw: torch.Tensor | None
    grid: Grid


@torch.no_grad()
def carry_batch(
    network: TappedModel, batch: PairBatch, refiner: Refiner, settings: PropagateSettings
) -> CarriedBatch:
    """Run the network on the key frames and carry what it finds along the maps.

    Args:
        network: In eval mode, tapped where the refiner wants it.
        batch: On the network's device.
        refiner: Says what it takes.
        settings: How results are propagated.
    """
    crop = (batch.key_B3HW.shape[-2], batch.key_B3HW.shape[-1])
    area = Grid.over_area(scaled_size(crop, settings.carry_scale), crop)
    results = _key_results(network, batch.key_B3HW, area)
    pictures = _pictures(batch, settings) if refiner.takes_residual else [None] * len(results)
    carried = [
        carry_result(result, steps, frame_size=crop, pictures=pair, settings=settings)
        for result, steps, pair in zip(results, batch.steps, pictures, strict=True)
    ]
    return _joined(carried, area)


def _key_results(network: TappedModel, images: torch.Tensor, area: Grid) -> list[KeyResult]:
    """Segment all key frames at once."""
    output = network(images)
    crop = (images.shape[-2], images.shape[-1])
    logits = resample(output.logits.float(), corner_grid(output.logits, crop), area)
    probabilities = logits.softmax(dim=1)
    ids = logits.argmax(dim=1).to(torch.uint8).cpu().numpy()
    features: list[Feature | None] = [None] * len(ids)
    if output.feature is not None:
        grid = corner_grid(output.feature, crop)
        features = [Feature(values[None], grid, crop) for values in output.feature.float()]
    return [
        # Ids at the size of the frame are for drawing key frames, which nobody does here.
        KeyResult(ids[row], ids[row], probabilities[row : row + 1], features[row])
        for row in range(len(ids))
    ]


def _pictures(batch: PairBatch, settings: PropagateSettings) -> list[Pictures | None]:
    keys, currents = (
        images.permute(0, 2, 3, 1).cpu().numpy() for images in (batch.key_B3HW, batch.current_B3HW)
    )
    pairs = zip(keys, currents, strict=True)
    return [Pictures.of(key, current, settings) for key, current in pairs]


def _joined(carried: list[CarriedResult], area: Grid) -> CarriedBatch:
    probabilities = torch.cat([one.probabilities for one in carried])

    def as_maps(values: list[NDArray[np.float32]]) -> torch.Tensor:
        return torch.from_numpy(np.stack(values))[:, None].to(probabilities.device)

    features = [one.feature.values for one in carried if one.feature is not None]
    residuals = [one.residual for one in carried if one.residual is not None]
    return CarriedBatch(
        probabilities,
        as_maps([one.inconsistency for one in carried]),
        torch.cat(features) if features else None,
        as_maps(residuals) if residuals else None,
        area,
    )


def corner_grid(map_BChw: torch.Tensor, image_size: tuple[int, int]) -> Grid:
    """Return the grid of a network's map, whose corner cells lie on the image's corner pixels."""
    return Grid.on_corners((map_BChw.shape[-2], map_BChw.shape[-1]), image_size)
