"""One step: what is carried to the frame, the terms, and where gradients go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.training.refiner.made_refiners import UPRIGHT, make_maker, make_task
from vstc.models.grids import Grid, resample
from vstc.models.taps import TappedOutput
from vstc.training.pairs.carried_batch import CarriedBatch, carry_batch
from vstc.training.pairs.samples import PairBatch, join_refiner_samples
from vstc.training.pairs.targets import every_nth_pixel, labels_at
from vstc.training.step import StepLoss, gradient_norms

pytestmark = pytest.mark.usefixtures("one_thread")


def batch_of(folder: Path, **changes: Any) -> PairBatch:
    maker = make_maker(folder, **changes)
    return join_refiner_samples([maker.make(0, slot) for slot in range(2)])


@pytest.fixture(scope="module")
def batch(moving_dataset: Path) -> PairBatch:
    return batch_of(moving_dataset, still_share=0.0)


@pytest.fixture(scope="module")
def still(moving_dataset: Path) -> PairBatch:
    return batch_of(moving_dataset, still_share=1.0)


@torch.no_grad()
def test_at_distance_zero_the_networks_own_result_is_carried_without_doubt(
    still: PairBatch,
) -> None:
    task, network = make_task(refiner={"residual": True})
    carried = carry_batch(network.eval(), still, task.refiner, task.settings.propagation)
    output = network(still.current_B3HW)
    corners = Grid.on_corners((7, 9), (49, 65))
    expected = resample(output.logits, corners, Grid.over_area((12, 16), (49, 65))).softmax(dim=1)
    torch.testing.assert_close(carried.probabilities_BKhw, expected)
    assert not carried.inconsistency_B1hw.any()
    assert carried.residual_B1hw is not None
    assert not carried.residual_B1hw.any()
    torch.testing.assert_close(carried.feature_BChw, output.feature)
    assert carried.grid == Grid.over_area((12, 16), (49, 65))


class ColourNetwork(torch.nn.Module):
    """A network whose three classes are red, green and blue, and whose feature is the image."""

    def forward(self, images: torch.Tensor) -> TappedOutput:
        pixels = images.float()
        return TappedOutput(pixels[:, :, ::4, ::4] / 20, pixels[:, :, ::8, ::8])


@torch.no_grad()
def test_results_are_carried_along_the_maps(batch: PairBatch) -> None:
    task, _ = make_task(refiner={"residual": True})
    here = {"key_B3HW": batch.current_B3HW, "steps": [[], []]}

    def carried_with(**changes: Any) -> CarriedBatch:
        changed = PairBatch(**{**vars(batch), **changes})
        settings = task.settings.propagation
        return carry_batch(ColourNetwork(), changed, task.refiner, settings)  # type: ignore[arg-type]

    carried, held, true = carried_with(), carried_with(steps=[[], []]), carried_with(**here)

    def error(of: CarriedBatch, name: str) -> float:
        return float((getattr(of, name) - getattr(true, name)).abs().mean())

    for name in ("probabilities_BKhw", "feature_BChw"):
        assert error(carried, name) < 0.75 * error(held, name), name
    assert carried.residual_B1hw is not None
    assert held.residual_B1hw is not None
    assert 0 < carried.residual_B1hw.mean() < 0.75 * held.residual_B1hw.mean()
    assert 0 < carried.inconsistency_B1hw.mean() < 1


@torch.no_grad()
def test_samples_of_a_batch_are_carried_alone(batch: PairBatch) -> None:
    task, network = make_task()
    settings = task.settings.propagation
    both = carry_batch(network.eval(), batch, task.refiner, settings)
    alone = PairBatch(
        batch.key_B3HW[1:], batch.current_B3HW[1:], batch.labels_BHW[1:], [], batch.steps[1:]
    )
    one = carry_batch(network, alone, task.refiner, settings)
    torch.testing.assert_close(
        both.probabilities_BKhw[1:], one.probabilities_BKhw, rtol=1e-3, atol=1e-4
    )
    assert torch.equal(both.inconsistency_B1hw[1:], one.inconsistency_B1hw)


@pytest.mark.parametrize("model", ["pspnet-tiny", "icnet"])
def test_gradients_reach_the_refiner_alone(batch: PairBatch, model: str) -> None:
    task, network = make_task(model=model)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    loss: StepLoss = task(batch)
    loss.total.backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module.training for module in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    reached = [p for p in task.refiner.parameters() if p.grad is not None and p.grad.any()]
    assert reached
    assert all(p.grad is None or p.grad.isfinite().all() for p in task.parameters())
    assert len(list(task.parameters())) == len(list(task.refiner.parameters()))


def test_terms_are_weighted_and_summed(batch: PairBatch) -> None:
    weights = {"refiner": 0.5, "refined": 2.0, "attention": 0.1, "aux": 0.0}
    task, _ = make_task(weights=weights)
    loss: StepLoss = task(batch)
    expected = sum(weights[name] * float(value) for name, value in loss.terms.items())
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-5)
    assert set(gradient_norms(loss)) == {"refiner", "refined", "attention"}


def test_an_untrained_refiner_has_the_loss_of_what_was_carried(still: PairBatch) -> None:
    """At distance 0 that is the network's own loss at every fourth pixel, from the second on."""
    task, network = make_task()
    loss: StepLoss = task(still)
    with torch.no_grad():
        area = Grid.over_area((12, 16), (49, 65))
        logits = network(still.current_B3HW).logits
        warped = resample(logits, Grid.on_corners((7, 9), (49, 65)), area).softmax(dim=1)
        full = F.interpolate(warped, (49, 65), mode="bilinear", align_corners=False)
        labels = still.labels_BHW[:, 2::4, 2::4].long()
        expected = F.nll_loss(full[:, :, 2::4, 2::4].log(), labels, ignore_index=255)
    torch.testing.assert_close(loss.terms["refined"], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loss.terms["attention"], loss.terms["refiner"])


def test_comparing_all_pixels_is_the_limit_of_comparing_some(still: PairBatch) -> None:
    some, every = (make_task(loss_step=step)[0](still).terms["refined"] for step in (2, 1))
    assert float(some) == pytest.approx(float(every), rel=0.1)


@pytest.mark.parametrize(("step", "size"), [(1, (5, 7)), (4, (49, 65)), (3, (2, 8)), (8, (4, 4))])
def test_the_pixels_compared_are_whole_and_inside(step: int, size: tuple[int, int]) -> None:
    grid = every_nth_pixel(size, step)
    for axis in (0, 1):
        last = grid.offset[axis] + grid.step[axis] * (grid.size[axis] - 1)
        assert 0 <= grid.offset[axis] == int(grid.offset[axis])
        assert last <= size[axis] - 1 < last + step
    labels = torch.zeros(size)[int(grid.offset[0]) :: step, int(grid.offset[1]) :: step]
    assert tuple(labels.shape) == grid.size


def test_the_network_labels_frames_that_have_none(moving_dataset: Path) -> None:
    own = batch_of(moving_dataset, name="own", still_share=1.0, **UPRIGHT)
    task, network = make_task()
    loss: StepLoss = task(own)
    with torch.no_grad():
        logits = network(own.current_B3HW).logits
        pixels = every_nth_pixel((49, 65), 4)
        found = resample(logits, Grid.on_corners((7, 9), (49, 65)), pixels)
        ids = found.argmax(dim=1).masked_fill(own.labels_BHW[:, 2::4, 2::4] == 255, 255)
        confidence = found.softmax(dim=1).amax(dim=1)
        every, sure = (
            labels_at(own, pixels, network=lambda i: network(i).logits, min_confidence=least)
            for least in (0.0, float(confidence.median()))
        )
        assert torch.equal(every.long(), ids)
        kept = sure != 255
    assert 0.2 < float(kept.float().mean()) < 0.8
    assert (own.labels_BHW == 255).any()
    assert float(loss.terms["refined"]) > 0


def test_icnets_copied_layers_learn_at_the_base_rate() -> None:
    task, _ = make_task(model="icnet", refiner={"predictions": True}, head_lr=7.0)
    copied, new = task.parameter_groups()
    assert (copied.factor, new.factor) == (1.0, 7.0)
    assert len(copied.parameters) + len(new.parameters) == len(list(task.refiner.parameters()))
    generic, _ = make_task()
    assert [len(group.parameters) for group in generic.parameter_groups()] == [
        0, len(list(generic.refiner.parameters())),
    ]  # fmt: skip
