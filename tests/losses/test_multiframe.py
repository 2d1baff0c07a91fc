"""The multi-frame loss: sizes, gate order, collapse and its guard."""

from __future__ import annotations

import math

import pytest
import torch

from vstc.errors import ConfigError
from vstc.losses.convlstm import ConvLSTMCell
from vstc.losses.multiframe import MultiFrameLoss, pool_features, self_similarity


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _sequence(
    generator: torch.Generator,
    *,
    channels: int = 6,
    size: tuple[int, int] = (6, 6),
    frames: int = 3,
) -> list[torch.Tensor]:
    return [torch.randn(2, channels, *size, generator=generator) for _ in range(frames)]


def test_the_cell_has_736_parameters() -> None:
    assert sum(p.numel() for p in ConvLSTMCell().parameters()) == 736


def test_the_gates_are_input_forget_output_cell() -> None:
    """Biases alone set the gates, so two steps can be worked out by hand."""
    cell = ConvLSTMCell(1, 1)
    biases = (0.3, -0.7, 1.1, 0.5)
    with torch.no_grad():
        cell.gates.weight.zero_()
        cell.gates.bias.copy_(torch.tensor(biases))  # type: ignore[union-attr]
        state = cell(torch.ones(1, 1, 2, 2))
        state = cell(torch.ones(1, 1, 2, 2), state)
    write, keep, show = (1 / (1 + math.exp(-b)) for b in biases[:3])
    first = write * math.tanh(biases[3])
    second = keep * first + write * math.tanh(biases[3])
    assert state[1][0, 0, 0, 0].item() == pytest.approx(second, rel=1e-6)
    assert state[0][0, 0, 0, 0].item() == pytest.approx(show * math.tanh(second), rel=1e-6)


def test_the_cell_reads_input_before_hidden_channels() -> None:
    cell = ConvLSTMCell(1, 2)
    with torch.no_grad():
        cell.gates.weight[:, 1:].zero_()
        first, _ = cell(torch.ones(1, 1, 3, 3))
        state = (torch.full((1, 2, 3, 3), 9.0), torch.zeros(1, 2, 3, 3))
        again, _ = cell(torch.ones(1, 1, 3, 3), state)
    torch.testing.assert_close(first, again)


@pytest.mark.parametrize(
    ("size", "pool", "nodes"),
    [
        ((97, 97), "adaptive:6", 36),
        ((97, 97), "kernel:16", 36),
        ((31, 41), "adaptive:6", 36),
        ((31, 41), "kernel:16", 2),
    ],
)
def test_the_number_of_nodes(size: tuple[int, int], pool: str, nodes: int) -> None:
    features = torch.randn(1, 3, *size, generator=_generator())
    maps = self_similarity(pool_features(features, pool=pool))
    assert maps.shape == (1, 1, nodes, nodes)
    torch.testing.assert_close(maps.diagonal(dim1=2, dim2=3), torch.ones(1, 1, nodes))
    assert maps.abs().max() <= 1 + 1e-6


@pytest.mark.parametrize("size", [(97, 97), (31, 41)])
def test_loss_and_gradient_exist_for_any_crop_and_other_teacher_channels(
    size: tuple[int, int],
) -> None:
    generator = _generator(1)
    student = [x.requires_grad_() for x in _sequence(generator, size=size)]
    teacher = _sequence(generator, channels=9, size=size)
    terms = MultiFrameLoss(generator=generator)(student, teacher)
    terms.loss.backward()
    assert terms.loss.item() > 0
    for features in student:
        assert features.grad is not None
        assert features.grad.abs().max() > 0


def test_a_student_equal_to_its_teacher_has_no_loss() -> None:
    teacher = _sequence(_generator(2))
    terms = MultiFrameLoss(generator=_generator())([x.clone() for x in teacher], teacher)
    assert terms.loss.item() == 0


@pytest.mark.parametrize("embedding", ["h", "hc"])
def test_the_reductions_differ_by_the_size_of_the_embedding(embedding: str) -> None:
    generator = _generator(3)
    student, teacher = _sequence(generator), _sequence(generator)
    losses = {
        reduction: MultiFrameLoss(
            embedding=embedding,  # type: ignore[arg-type]
            reduction=reduction,  # type: ignore[arg-type]
            generator=_generator(),
        )(student, teacher).loss.item()
        for reduction in ("sum", "mean")
    }
    assert losses["sum"] == pytest.approx(5184 * losses["mean"], rel=1e-5)


def test_the_loss_is_the_distance_of_the_last_states() -> None:
    generator = _generator(4)
    student, teacher = _sequence(generator), _sequence(generator)
    module = MultiFrameLoss(generator=generator)
    terms = module(student, teacher)
    states_s, states_t = module.embed(student), module.embed(teacher)
    expected = sum((s - t).square().sum() / 2 for s, t in zip(states_s, states_t, strict=True))
    torch.testing.assert_close(terms.loss, torch.as_tensor(expected))
    torch.testing.assert_close(terms.guard, 0.1 * (1 - states_t[1]).mean())


def test_the_order_of_frames_matters() -> None:
    generator = _generator(5)
    student, teacher = _sequence(generator), _sequence(generator)
    module = MultiFrameLoss(generator=generator)
    forward = module(student, teacher).loss.item()
    assert module(student[::-1], teacher[::-1]).loss.item() != pytest.approx(forward, rel=1e-4)


def _train(module: MultiFrameLoss, *, steps: int = 150) -> tuple[float, float]:
    """Train the ConvLSTM alone on fresh random scenes; return RMS of E^T before and after."""
    generator = _generator(6)
    probe = _sequence(_generator(7), channels=8)

    def strength() -> float:
        with torch.no_grad():
            return float(module.embed(probe)[1].square().mean().sqrt())

    before = strength()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    for _ in range(steps):
        teacher = _sequence(generator, channels=8)
        student = [x + 0.5 * torch.randn(x.shape, generator=generator) for x in teacher]
        terms = module(student, teacher)
        optimizer.zero_grad()
        (terms.loss + terms.guard).backward()
        optimizer.step()
        module.clip_weights()
    return before, strength()


def test_the_guard_keeps_the_embedding_alive_where_clipping_alone_collapses() -> None:
    before, after = _train(MultiFrameLoss(generator=_generator()))
    assert after > 0.7 * before
    before, after = _train(MultiFrameLoss(enlarge=0.0, generator=_generator()))
    assert after < 0.3 * before


def test_clipping_bounds_joint_weights_and_leaves_frozen_ones() -> None:
    joint = MultiFrameLoss(generator=_generator())
    assert max(float(p.detach().abs().max()) for p in joint.parameters()) <= 0.1 + 1e-7
    frozen = MultiFrameLoss(lstm="frozen", generator=_generator())
    assert max(float(p.abs().max()) for p in frozen.parameters()) > 0.1
    assert not any(p.requires_grad for p in frozen.parameters())
    assert frozen(*[_sequence(_generator())] * 2).guard.item() == 0


def test_the_guard_trains_the_cell_and_not_the_student() -> None:
    generator = _generator(8)
    student = [x.requires_grad_() for x in _sequence(generator)]
    module = MultiFrameLoss(generator=generator)
    module(student, _sequence(generator)).guard.backward()
    assert all(x.grad is None for x in student)
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())


def test_half_precision_features_are_computed_in_float32_inside_autocast() -> None:
    generator = _generator(9)
    student = [x.to(torch.bfloat16) for x in _sequence(generator)]
    teacher = [x.to(torch.bfloat16) for x in _sequence(generator)]
    module = MultiFrameLoss(generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = module(student, teacher).loss
    outside = module([x.float() for x in student], [x.float() for x in teacher]).loss
    assert inside.dtype == torch.float32
    assert inside.item() == outside.item()


def test_gradients_pass_gradcheck() -> None:
    generator = _generator(10)
    module = MultiFrameLoss(pool="adaptive:2", generator=generator).double()
    student = torch.randn(1, 2, 3, 3, generator=generator, dtype=torch.float64)
    teacher = torch.randn(1, 2, 3, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: module([x, 2 * x + 1], [teacher, teacher]).loss, student.requires_grad_()
    )


@pytest.mark.parametrize(
    ("option", "known"),
    [("embedding", ["h", "hc"]), ("reduction", ["mean", "sum"]), ("lstm", ["frozen", "joint"])],
)
def test_unknown_names_list_the_known_ones(option: str, known: list[str]) -> None:
    with pytest.raises(ConfigError, match="unknown multi-frame") as error:
        MultiFrameLoss(**{option: "other"})  # type: ignore[arg-type]
    assert all(name in str(error.value.hint) for name in known)


@pytest.mark.parametrize("pool", ["max:2", "adaptive", "kernel:x", "kernel:7"])
def test_a_pool_that_cannot_be_used_is_refused(pool: str) -> None:
    with pytest.raises(ConfigError):
        pool_features(torch.ones(1, 1, 6, 6), pool=pool)


def test_sequences_of_different_length_are_refused() -> None:
    frames = _sequence(_generator())
    with pytest.raises(ValueError, match="3 student frames, 2 teacher frames"):
        MultiFrameLoss()(frames, frames[:2])
    with pytest.raises(ValueError, match="at least one frame"):
        MultiFrameLoss()([], [])
