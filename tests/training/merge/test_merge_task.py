"""One step of the training of a merging layer: what it merges, its loss, and what it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tests.training.merge.made_merges import (
    CPU,
    make_batch,
    make_task,
    tiny_merge_settings,
    tiny_network,
)
from vstc.inference.network import FrameNetwork
from vstc.models.grids import Grid, resample
from vstc.models.segmentation_model import SegmentationOutput
from vstc.propagation.frames import prepare_frame
from vstc.propagation.model_networks import ModelKeys
from vstc.training.merge.branches import Branches, BranchScores
from vstc.training.optimizer import make_optimizer, set_rate
from vstc.training.pairs.samples import PairBatch
from vstc.training.pairs.targets import every_nth_pixel
from vstc.training.step import StepLoss, gradient_norms

pytestmark = pytest.mark.usefixtures("one_thread")
SETTINGS = tiny_merge_settings()
CORNERS, AREA = Grid.on_corners((7, 9), (49, 65)), Grid.over_area((12, 16), (49, 65))


@pytest.fixture(scope="module")
def batch(moving_dataset: Path) -> PairBatch:
    return make_batch(moving_dataset)


@pytest.fixture(scope="module")
def still(moving_dataset: Path) -> PairBatch:
    return make_batch(moving_dataset, still_share=1.0)


def branches_of(network: Any, light: Any, *, light_scale: float = 1.0) -> Branches:
    frames = FrameNetwork(light, device=CPU, input_scale=light_scale)
    return Branches(network, frames, SETTINGS.propagation)


@torch.no_grad()
def test_at_distance_zero_both_branches_are_the_networks_themselves(still: PairBatch) -> None:
    network, light = tiny_network(0), tiny_network(1)
    found = branches_of(network, light).scores(still)
    assert found.grid == AREA
    for scores, model in ((found.carried_BKhw, network), (found.light_BKhw, light)):
        expected = resample(model(still.current_B3HW).logits, CORNERS, AREA)
        torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found.carried_BKhw, found.light_BKhw, atol=0.1)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_light_network_sees_the_frame_as_in_propagation(still: PairBatch, scale: float) -> None:
    light = tiny_network(1)
    found = branches_of(tiny_network(0), light, light_scale=scale).scores(still).light_BKhw
    keys = ModelKeys(FrameNetwork(light, device=CPU, input_scale=scale))
    for row, image in enumerate(still.current_B3HW):
        rgb = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        expected = keys.scores(prepare_frame(0, rgb, SETTINGS.propagation), (12, 16))
        torch.testing.assert_close(found[row], expected[0], rtol=1e-3, atol=1e-4)


class ColourNetwork(torch.nn.Module):
    """A network whose classes are red, green and blue, and whose feature is the image."""

    size_rule = tiny_network(0).size_rule

    def forward(self, images: torch.Tensor) -> SegmentationOutput:
        features = images.float()[:, :, ::8, ::8]
        return SegmentationOutput(self.classify(features), (), features)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        return features / 20


def test_features_are_carried_along_the_maps_and_then_classified(batch: PairBatch) -> None:
    branches = branches_of(ColourNetwork(), ColourNetwork())
    carried = branches.scores(batch).carried_BKhw
    held = branches.scores(replace(batch, steps=[[], []])).carried_BKhw
    true = branches.scores(batch).light_BKhw
    assert float((carried - true).abs().mean()) < 0.75 * float((held - true).abs().mean())


def test_at_step_zero_the_loss_is_that_of_the_mean(batch: PairBatch) -> None:
    task = make_task()
    loss: StepLoss = task(batch)
    with torch.no_grad():
        scores = branches_of(tiny_network(0), tiny_network(1)).scores(batch)
        mean = (scores.carried_BKhw + scores.light_BKhw) / 2
        full = F.interpolate(mean, (49, 65), mode="bilinear", align_corners=False)
        labels = batch.labels_BHW[:, 2::4, 2::4].long()
        expected = F.cross_entropy(full[:, :, 2::4, 2::4], labels, ignore_index=255)
    torch.testing.assert_close(loss.terms["ce"], expected, rtol=1e-4, atol=1e-5)
    assert set(gradient_norms(loss)) == {"ce"}


def test_gradients_reach_the_layer_alone(batch: PairBatch) -> None:
    network, light = tiny_network(0), tiny_network(1)
    before = [{n: v.clone() for n, v in m.state_dict().items()} for m in (network, light)]
    task = make_task(branches_of(network, light))
    task(batch).total.backward()
    for model, values in zip((network, light), before, strict=True):
        assert all(parameter.grad is None for parameter in model.parameters())
        assert not any(module.training for module in model.modules())
        assert all(torch.equal(values[n], v) for n, v in model.state_dict().items())
    assert {name for name, _ in task.named_parameters()} == {"merge.conv.weight", "merge.conv.bias"}
    assert all(p.grad is not None and p.grad.any() for p in task.parameters())


def test_the_bias_learns_twice_as_fast_as_the_weights() -> None:
    weights, bias = make_task(head_lr=3.0).parameter_groups()
    assert (weights.factor, bias.factor) == (3.0, 6.0)
    assert [p.shape for g in (weights, bias) for p in g.parameters] == [(3, 6, 1, 1), (3,)]


def test_the_key_network_labels_frames_that_have_none(moving_dataset: Path) -> None:
    own = make_batch(moving_dataset, name="own", targets="own", still_share=1.0)
    network = tiny_network(0)
    with torch.no_grad():
        found = resample(network(own.current_B3HW).logits, CORNERS, every_nth_pixel((49, 65), 4))
        labels = found.argmax(dim=1).masked_fill(own.labels_BHW[:, 2::4, 2::4] == 255, 255)
    task = make_task(branches_of(network, network))
    loss: StepLoss = task(own)
    mean = resample(task._branches.scores(own).carried_BKhw, AREA, every_nth_pixel((49, 65), 4))
    expected = F.cross_entropy(mean, labels, ignore_index=255)
    torch.testing.assert_close(loss.terms["ce"], expected, rtol=1e-4, atol=1e-5)
    sure: StepLoss = make_task(branches_of(network, network), min_confidence=0.9999)(own)
    assert float(sure.terms["ce"]) == 0


def test_it_merges_in_full_precision_under_autocast(batch: PairBatch) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss: StepLoss = make_task()(batch)
    assert loss.logits.dtype == loss.total.dtype == torch.float32


class OneIsWrong:
    """Scores of which one branch knows the labels and the other is noise, another each time."""

    def __init__(self, *, carried_is_wrong: bool) -> None:
        self._carried_is_wrong = carried_is_wrong
        self._random = torch.Generator().manual_seed(0)

    def scores(self, batch: PairBatch) -> BranchScores:
        size = (batch.labels_BHW.shape[-2], batch.labels_BHW.shape[-1])
        cells = every_nth_pixel(size, 4)
        labels = batch.labels_BHW[:, 2::4, 2::4].long().clamp(max=2)
        right = 2.0 * F.one_hot(labels, 3).permute(0, 3, 1, 2).float()
        wrong = 4.0 * torch.randn(right.shape, generator=self._random)
        both = (wrong, right) if self._carried_is_wrong else (right, wrong)
        return BranchScores(*both, cells)

    def key_logits(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        raise AssertionError("all have labels")


@pytest.mark.parametrize("carried_is_wrong", [True, False])
def test_it_learns_to_prefer_the_better_branch(batch: PairBatch, carried_is_wrong: bool) -> None:
    branches = OneIsWrong(carried_is_wrong=carried_is_wrong)
    task = make_task(branches, lr=0.05, weight_decay=0.0)
    optimizer = make_optimizer(task.parameter_groups(), task.settings)
    set_rate(optimizer, task.settings.lr)
    first = float(task(batch).total.detach())
    for _ in range(100):
        optimizer.zero_grad()
        task(batch).total.backward()
        optimizer.step()
    assert float(task(batch).total.detach()) < 0.2 * first
    weight = task.merge.conv.weight.detach()[:, :, 0, 0]
    carried, light = weight[:, :3].diagonal(), weight[:, 3:].diagonal()
    worse, better = (carried, light) if carried_is_wrong else (light, carried)
    assert float(worse.abs().max()) < 0.2 < 1.0 < float(better.min())
    scores = branches.scores(batch)
    labels = batch.labels_BHW[:, 2::4, 2::4]
    known = labels != 255
    with torch.no_grad():
        merged = task.merge(scores.carried_BKhw, scores.light_BKhw).argmax(dim=1)
    mean = (scores.carried_BKhw + scores.light_BKhw).argmax(dim=1)
    right = [float((found == labels)[known].float().mean()) for found in (merged, mean)]
    assert right[0] > 0.99
    assert right[1] < 0.8
