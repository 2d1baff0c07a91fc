"""Our networks in the roles of propagation: key network, light network, refiner."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.inference.network import FrameNetwork, NetworkInput, autocast, place
from vstc.models.folding import fold_batch_norms
from vstc.models.grids import Grid, resample
from vstc.models.refiner import Refiner
from vstc.models.taps import TappedModel
from vstc.propagation.carrying.carry import likeliest
from vstc.propagation.carrying.maps import Size
from vstc.propagation.frames import PreparedFrame
from vstc.propagation.networks import Feature, KeyRequest, KeyResult, RefinerInput


class ModelKeys:
    """A segmentation network for key frames, or as the light network of ``fusion``.

    Args:
        network: The network; its ``input_scale`` holds the factor ``network_scale`` too.
        tap: Module whose output is the feature, for a refiner; None takes what the
            classification head reads, for ``classify``.

    Attributes:
        channel_ids: The classes.
    """

    def __init__(self, network: FrameNetwork, *, tap: str | None = None) -> None:
        self._network = network
        self._tapped = None if tap is None else TappedModel(network.model, tap)
        self.channel_ids: NDArray[np.uint8] = np.arange(network.model.num_classes, dtype=np.uint8)

    def has_result(self, index: int) -> bool:
        """Every frame can be segmented."""
        del index
        return True

    @torch.inference_mode()
    def segment(self, frame: PreparedFrame, request: KeyRequest) -> KeyResult:
        """Segment a frame; its labels are those of ``vstc predict``."""
        prepared = self._network.prepare([frame.rgb])
        logits, values = self._run(prepared)
        labels = likeliest(self._network.at_frame_size(logits, prepared)[0], frame.size)
        grid = cells_in_frame(logits, prepared)
        scores = resample(logits, grid, Grid.over_area(request.carry_size, frame.size))
        feature = Feature(values, cells_in_frame(values, prepared), frame.size)
        return KeyResult(
            labels,
            likeliest(scores[0], request.carry_size),
            scores.softmax(dim=1) if request.probabilities else None,
            feature if request.feature else None,
        )

    @torch.inference_mode()
    def scores(self, frame: PreparedFrame, size: Size) -> torch.Tensor:
        """Return logits (1, K, h, w) at a size that shares the frame's area."""
        prepared = self._network.prepare([frame.rgb])
        logits, _ = self._run(prepared)
        grid = cells_in_frame(logits, prepared)
        return resample(logits, grid, Grid.over_area(size, frame.size))

    @torch.inference_mode()
    def classify(self, feature: Feature, size: Size) -> torch.Tensor:
        """Return the logits (1, K, h, w) of a feature, at a size that shares the frame's area."""
        with autocast(self._network.device):
            logits = self._network.model.classify(feature.values)
        return resample(logits.float(), feature.grid, Grid.over_area(size, feature.frame_size))

    def _run(self, prepared: NetworkInput) -> tuple[torch.Tensor, torch.Tensor]:
        with autocast(self._network.device):
            if self._tapped is None:
                output = self._network.model(prepared.images)
                return output.logits.float(), output.features.float()
            tapped = self._tapped(prepared.images)
        return tapped.logits.float(), tapped.feature.float()


class ModelRefiner:
    """A refiner of ours.

    Args:
        refiner: The network; it is put into evaluation mode, and a faster copy is run.
        frames: Brings frames to the size and device that the key network works on.

    Attributes:
        takes_feature: It wants the feature.
        takes_residual: It wants the residual.
    """

    def __init__(self, refiner: Refiner, frames: FrameNetwork) -> None:
        self._refiner = place(fold_batch_norms(refiner.eval()), frames.device)
        self._frames = frames
        self.takes_feature = refiner.tap is not None
        self.takes_residual = refiner.takes_residual

    @torch.inference_mode()
    def refine(self, given: RefinerInput) -> torch.Tensor:
        """Return probabilities (1, K, h, w), at the size of those that are given."""
        prepared = self._frames.prepare([given.frame.rgb])
        size = (given.probabilities.shape[-2], given.probabilities.shape[-1])
        with autocast(self._frames.device):
            logits = self._refiner(
                prepared.images,
                given.probabilities,
                self._as_map(given.attention),
                feature_BChw=None if given.feature is None else given.feature.values,
                residual_B1hw=None if given.residual is None else self._as_map(given.residual),
                # The refiner's image is the frame, resized, with rows and columns added.
                grid=Grid.over_area(size, prepared.inner),
            )
        probabilities: torch.Tensor = logits.float().softmax(dim=1)
        return probabilities

    def _as_map(self, values: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(values)[None, None].to(self._frames.device)


def cells_in_frame(map_BChw: torch.Tensor, prepared: NetworkInput) -> Grid:
    """Return where the cells of a network's map lie in the frame that it was given.

    The corner cells lie on the corner pixels of the filled-up image; before that, the frame was
    resized to ``prepared.inner``, area to area.
    """
    cells = (map_BChw.shape[-2], map_BChw.shape[-1])
    padded = (prepared.images.shape[-2], prepared.images.shape[-1])
    in_image = Grid.on_corners(cells, padded)
    y, x = (size / inner for size, inner in zip(prepared.size, prepared.inner, strict=True))
    return Grid(
        cells,
        step=(in_image.step[0] * y, in_image.step[1] * x),
        offset=((in_image.offset[0] + 0.5) * y - 0.5, (in_image.offset[1] + 0.5) * x - 0.5),
    )
