"""One step's loss: which terms there are, where gradients go, what stays fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_runs import ALL_TERMS, TABLE, tiny_settings
from tests.training.test_samples import make_maker
from vstc.losses.cross_entropy import cross_entropy, labels_on_grid
from vstc.losses.temporal import temporal_loss
from vstc.models.catalog import create_model
from vstc.training.batches import Batch, join_samples
from vstc.training.optimizer import make_optimizer, poly_rate, set_rate
from vstc.training.step import StepLoss, gradient_norms
from vstc.training.task import SegmentationTask

pytestmark = pytest.mark.usefixtures("one_thread")
TRIPLETS: dict[str, Any] = {"tl": {"pairs": "both"}}


@pytest.fixture(scope="module")
def batch(moving_dataset: Path) -> Batch:
    maker = make_maker(moving_dataset, terms=("ce", "mf", "tl"), **TRIPLETS)
    return join_samples([maker.make(0, slot) for slot in range(2)])


def make_task(*terms: str, **changes: Any) -> SegmentationTask:
    settings = tiny_settings(terms=terms, **changes)
    student = create_model("pspnet-tiny", num_classes=3, seed=1)
    teacher = create_model("pspnet-small", num_classes=3, seed=2)
    return SegmentationTask(student, teacher, settings, table=TABLE).train()


def loss_of(task: SegmentationTask, batch: Batch) -> StepLoss:
    torch.manual_seed(0)
    done: StepLoss = task(batch)
    return done


def test_total_is_the_weighted_sum_of_the_terms(batch: Batch) -> None:
    weights = {"ce": 0.7, "sf": 0.2, "pf": 3.0, "mf": 0.05, "tl": 1.5}
    loss = loss_of(make_task(*ALL_TERMS, weights=weights), batch)
    assert set(loss.terms) == set(ALL_TERMS)
    expected = sum(weights[name] * float(value) for name, value in loss.terms.items())
    assert float(loss.total.detach()) == pytest.approx(expected, rel=1e-5)
    assert not any(value.requires_grad for value in loss.terms.values())


@pytest.mark.parametrize("terms", [("ce",), ("tl",), ("ce", "pf"), ("mf", "sf")])
def test_only_the_terms_that_were_asked_for_appear(batch: Batch, terms: tuple[str, ...]) -> None:
    assert tuple(loss_of(make_task(*terms), batch).terms) == terms


def test_a_weight_of_zero_takes_the_gradient_of_its_term_away(batch: Batch) -> None:
    with_tl = make_task("ce", "tl", weights={"tl": 0.0})
    without = make_task("ce")
    for task in (with_tl, without):
        loss_of(task, batch).total.backward()
    pairs = zip(with_tl.student.parameters(), without.student.parameters(), strict=True)
    for one, two in pairs:
        assert one.grad is not None
        assert two.grad is not None
        torch.testing.assert_close(one.grad, two.grad)


def test_teacher_is_neither_trained_nor_changed(batch: Batch) -> None:
    settings = tiny_settings(terms=ALL_TERMS)
    teacher = create_model("pspnet-small", num_classes=3, seed=2)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    student = create_model("pspnet-tiny", num_classes=3, seed=1)
    task = SegmentationTask(student, teacher, settings, table=TABLE)
    task.train()
    loss_of(task, batch).total.backward()
    assert not any(module.training for module in teacher.modules())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert not [name for name, _ in task.named_parameters() if "teacher" in name]


def test_every_student_weight_gets_a_gradient_from_ce(batch: Batch) -> None:
    task = make_task("ce")
    loss_of(task, batch).total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in task.student.parameters())


@pytest.mark.parametrize("aux_weight", [None, 0.3])
def test_icnet_weighs_its_heads_at_their_own_resolution(
    moving_dataset: Path, aux_weight: float | None
) -> None:
    maker = make_maker(moving_dataset, terms=("ce",), flow=False, aux_weight=aux_weight)
    batch = join_samples([maker.make(0, slot) for slot in range(2)])
    student = create_model("icnet", num_classes=3, seed=1)
    settings = tiny_settings(terms=("ce",), aux_weight=aux_weight)
    loss = loss_of(SegmentationTask(student, None, settings, table=TABLE).train(), batch)
    with torch.no_grad():
        output = student(batch.images_B3HW)
        labels = batch.labels_AHW
        sixteenth, eighth = output.aux_logits
        weights = (0.16, 0.4) if aux_weight is None else (aux_weight, aux_weight)
        expected = (
            cross_entropy(output.logits, labels_on_grid(labels, (9, 11)), ignore_index=255)
            + weights[0] * cross_entropy(sixteenth, labels_on_grid(labels, (3, 3)))
            + weights[1] * cross_entropy(eighth, labels_on_grid(labels, (5, 6)))
        )
    torch.testing.assert_close(loss.terms["ce"], expected)
    loss.total.backward()
    assert all(p.grad is not None for p in student.parameters())


def test_auxiliary_head_sees_anchors_only(batch: Batch) -> None:
    task = make_task(*ALL_TERMS)
    seen: list[int] = []
    aux = task.student.aux
    assert aux is not None
    aux.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].shape[0]))
    loss_of(task, batch)
    assert seen == [batch.num_anchors] == [2]
    assert batch.images_B3HW.shape[0] == 6


@pytest.mark.parametrize(("mode", "expected"), [("joint", [6]), ("per-frame", [2, 4])])
def test_batch_statistics_are_joint_or_apart(batch: Batch, mode: str, expected: list[int]) -> None:
    task = make_task("ce", "tl", bn_batches=mode)
    seen: list[int] = []
    task.student.register_forward_hook(lambda _module, inputs, _out: seen.append(len(inputs[0])))
    loss = loss_of(task, batch)
    assert seen == expected
    assert loss.logits.shape[0] == 6


def test_one_neighbour_alone_is_no_batch_of_its_own(moving_dataset: Path) -> None:
    maker = make_maker(moving_dataset, terms=("ce", "tl"))
    with_one = maker.make(0, 0)
    without = make_maker(moving_dataset, terms=("ce",)).make(0, 1)
    task = make_task("ce", "tl", bn_batches="per-frame")
    loss = loss_of(task, join_samples([with_one, without]))
    assert loss.logits.shape[0] == 3
    assert float(loss.total.detach()) > 0


def test_terms_without_neighbours_are_left_out_and_a_batch_of_nothing_costs_nothing(
    moving_dataset: Path,
) -> None:
    maker = make_maker(moving_dataset, terms=("ce",), flow=False)
    still = join_samples([maker.make(0, slot) for slot in range(2)])
    assert set(loss_of(make_task(*ALL_TERMS), still).terms) == {"ce", "sf"}
    empty = make_task("tl", "pf", "mf")
    loss = loss_of(empty, still)
    assert loss.terms == {}
    assert float(loss.total.detach()) == 0
    loss.total.backward()
    assert all(p.grad is None or not p.grad.any() for p in empty.student.parameters())


def test_temporal_loss_is_zero_for_a_still_clip(batch: Batch) -> None:
    assert batch.flow_P2HW is not None
    images = batch.images_B3HW.clone()
    for anchor, other in batch.pairs:
        images[other] = images[anchor]
    still = Batch(
        images_B3HW=images,
        labels_AHW=batch.labels_AHW,
        pairs=batch.pairs,
        flow_pairs=batch.flow_pairs,
        flow_P2HW=torch.zeros_like(batch.flow_P2HW),
        valid_PHW=batch.valid_PHW,
        flow_back_P2HW=None,
        sequences=batch.sequences,
    )
    task = make_task("tl")
    task.student.eval()  # dropout would make two predictions of one frame differ
    assert float(loss_of(task, still).total.detach()) == pytest.approx(0, abs=1e-6)
    assert float(loss_of(task, batch).total.detach()) > 1e-4


def test_temporal_loss_reads_the_neighbour_along_the_flow_of_the_anchor(batch: Batch) -> None:
    assert batch.flow_P2HW is not None
    task = make_task("tl")
    task.student.eval()
    with torch.no_grad():
        logits = task.student(batch.images_B3HW).logits
        expected = [
            temporal_loss(
                logits[[anchor]],
                logits[[other]],
                batch.flow_P2HW[[place]],
                batch.images_B3HW[[anchor]].float(),
                batch.images_B3HW[[other]].float(),
                valid_BHW=None if batch.valid_PHW is None else batch.valid_PHW[[place]],
            )
            for place, (anchor, other) in enumerate(batch.flow_pairs)
        ]
    assert batch.valid_PHW is not None
    counts = batch.valid_PHW.sum(dim=(1, 2)).float()
    mean = (torch.stack(expected) * counts).sum() / counts.sum()
    assert float(loss_of(task, batch).terms["tl"]) == pytest.approx(float(mean), rel=1e-4)


def test_a_student_like_its_teacher_has_no_distillation_loss(batch: Batch) -> None:
    settings = tiny_settings(terms=("sf", "pf", "mf"), mf={"enlarge": 0.0})
    student = create_model("pspnet-tiny", num_classes=3, seed=1)
    teacher = create_model("pspnet-tiny", num_classes=3, seed=1)
    task = SegmentationTask(student, teacher, settings, table=TABLE)
    student.eval()
    for name, value in loss_of(task, batch).terms.items():
        # sf is a cross entropy with the teacher's own entropy taken off.
        assert float(value) == pytest.approx(0, abs=1e-5), name


def test_weights_of_the_convlstm_stay_in_their_range(batch: Batch) -> None:
    task = make_task("ce", "mf", weights={"mf": 1000.0}, mf={"clip": 0.05})
    optimizer = make_optimizer(task.parameter_groups(), task.settings)
    assert task.multi_frame is not None
    before = [p.clone() for p in task.multi_frame.parameters()]
    set_rate(optimizer, 10.0)
    loss_of(task, batch).total.backward()
    optimizer.step()
    assert max(float(p.detach().abs().max()) for p in task.multi_frame.parameters()) > 0.05
    task.after_step()
    after = list(task.multi_frame.parameters())
    assert max(float(p.detach().abs().max()) for p in after) < 0.0500001
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


def test_a_frozen_convlstm_is_not_trained(batch: Batch) -> None:
    task = make_task("ce", "mf", mf={"lstm": "frozen"})
    optimizer = make_optimizer(task.parameter_groups(), task.settings)
    assert len(optimizer.param_groups) == 2
    loss_of(task, batch).total.backward()
    assert task.multi_frame is not None
    assert all(p.grad is None for p in task.multi_frame.parameters())


def test_gradient_norms_are_those_of_each_weighted_term(batch: Batch) -> None:
    task = make_task(*ALL_TERMS)
    loss = loss_of(task, batch)
    norms = gradient_norms(loss)
    assert set(norms) == {"ce", "sf", "pf", "tl"}  # mf acts on features, not on logits
    assert all(value > 0 for value in norms.values())
    loss.total.backward()  # measuring leaves the graph whole
    doubled = gradient_norms(loss_of(make_task(*ALL_TERMS, weights={"tl": 0.2}), batch))
    assert doubled["tl"] == pytest.approx(2 * norms["tl"], rel=1e-4)
    assert doubled["ce"] == pytest.approx(norms["ce"], rel=1e-4)


def test_heads_learn_faster_and_the_rate_falls_to_nothing() -> None:
    settings = tiny_settings(steps=10, lr=0.02, head_lr=10.0)
    model = create_model("pspnet-tiny", num_classes=3, seed=0)
    task = SegmentationTask(model, None, settings, table=TABLE)
    optimizer = make_optimizer(task.parameter_groups(), settings)
    rates = [poly_rate(step, settings) for step in range(11)]
    assert rates[0] == 0.02
    assert rates[5] == pytest.approx(0.02 * 0.5**0.9)
    assert rates[10] == 0
    set_rate(optimizer, rates[5])
    assert [group["lr"] for group in optimizer.param_groups] == [rates[5], 10 * rates[5]]
    grouped = [p for group in optimizer.param_groups for p in group["params"]]
    assert len({id(p) for p in grouped}) == len(grouped) == len(list(model.parameters()))
