"""PF and the Gram forms against explicit N x N matrices."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.bench.losses import bench_losses
from vstc.errors import ConfigError
from vstc.losses.gram import (
    blockwise_form,
    difference_form,
    gram_is_cheaper,
    similarity_distance,
    trace_form,
)
from vstc.losses.pairwise import pairwise_frames_loss

Frames = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def _frames(
    seed: int = 0, *, shape: tuple[int, ...] = (2, 5, 6, 7), dtype: torch.dtype = torch.float64
) -> Frames:
    generator = torch.Generator().manual_seed(seed)
    first, second, third, fourth = (
        2 * torch.randn(shape, generator=generator, dtype=dtype) for _ in range(4)
    )
    return first, second, third, fourth


def _explicit(frames: Frames, *, quantity: str = "prob", norm: str = "cosine") -> torch.Tensor:
    """The loss by its definition, one pair of pixels at a time in spirit: N x N matrices."""
    vectors = [x.flatten(2).transpose(1, 2) for x in frames]
    if quantity == "prob":
        vectors = [x.softmax(dim=2) for x in vectors]

    def similarity(q: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        energy = torch.einsum("bic,bjc->bij", q, p)
        q_length, p_length = q.norm(dim=2), p.norm(dim=2)
        if norm == "cosine":
            return energy / torch.einsum("bi,bj->bij", q_length, p_length)
        return energy / torch.einsum("bi,bj->bij", p_length, q_length)

    return (similarity(vectors[0], vectors[1]) - similarity(vectors[2], vectors[3])).square().mean()


@pytest.mark.parametrize("quantity", ["prob", "logit"])
@pytest.mark.parametrize("norm", ["cosine", "etc"])
def test_value_and_gradient_equal_the_explicit_matrices(quantity: str, norm: str) -> None:
    frames = _frames()
    ours = [x.clone().requires_grad_() for x in frames]
    theirs = [x.clone().requires_grad_() for x in frames]
    options = {"quantity": quantity, "norm": norm}
    loss = pairwise_frames_loss(*ours, **options)  # type: ignore[arg-type]
    expected = _explicit(tuple(theirs), **options)  # type: ignore[arg-type]
    torch.testing.assert_close(loss, expected, atol=0, rtol=1e-12)
    loss.backward()
    expected.backward()
    for mine, reference in zip(ours[:2], theirs[:2], strict=True):
        assert mine.grad is not None
        assert reference.grad is not None
        torch.testing.assert_close(
            mine.grad, reference.grad, atol=float(reference.grad.abs().max()) * 1e-12, rtol=0
        )
    assert ours[2].grad is None
    assert ours[3].grad is None


def test_the_three_forms_agree() -> None:
    tensors = tuple(x.flatten(2) for x in _frames(1))
    difference = difference_form(*tensors).sum()
    torch.testing.assert_close(trace_form(*tensors).sum(), difference, atol=0, rtol=1e-12)
    for block_rows in (1, 5, 512):
        blocks = blockwise_form(*tensors, block_rows=block_rows)
        torch.testing.assert_close(blocks, difference, atol=0, rtol=1e-12)


@pytest.mark.parametrize("channels", [(3, 3), (3, 8), (40, 60)])
def test_similarity_distance_is_exact_for_any_channels(channels: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    student = torch.randn(2, channels[0], 20, generator=generator, dtype=torch.float64)
    teacher = torch.randn(2, channels[1], 20, generator=generator, dtype=torch.float64)
    mine, reference = student.clone().requires_grad_(), student.clone().requires_grad_()
    loss = similarity_distance(mine, mine, teacher, teacher)
    expected = (
        (reference.transpose(1, 2) @ reference - teacher.transpose(1, 2) @ teacher).square().mean()
    )
    torch.testing.assert_close(loss, expected, atol=0, rtol=1e-12)
    gradient = torch.autograd.grad(loss, mine)[0]
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, reference)[0])


def test_the_cheaper_form_is_chosen_by_multiplications() -> None:
    assert gram_is_cheaper(student_channels=19, teacher_channels=19, num_pixels=9409)
    assert not gram_is_cheaper(student_channels=1024, teacher_channels=4096, num_pixels=2304)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", ["cosine", "etc"])
def test_a_student_equal_to_its_teacher_has_no_loss_and_no_gradient(
    dtype: torch.dtype, norm: str
) -> None:
    teacher_t, teacher_other, *_ = _frames(3, dtype=dtype)
    student_t = teacher_t.clone().requires_grad_()
    student_other = teacher_other.clone().requires_grad_()
    loss = pairwise_frames_loss(student_t, student_other, teacher_t, teacher_other, norm=norm)  # type: ignore[arg-type]
    loss.backward()
    assert loss.item() == 0
    for student in (student_t, student_other):
        assert student.grad is not None
        assert not student.grad.any()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    distance=st.floats(1e-6, 10),
    norm=st.sampled_from(["cosine", "etc"]),
    quantity=st.sampled_from(["prob", "logit"]),
)
def test_the_loss_is_never_negative(seed: int, distance: float, norm: str, quantity: str) -> None:
    noise_t, noise_other, teacher_t, teacher_other = _frames(
        seed, shape=(1, 4, 3, 5), dtype=torch.float32
    )
    loss = pairwise_frames_loss(
        teacher_t + distance * noise_t,
        teacher_other + distance * noise_other,
        teacher_t,
        teacher_other,
        norm=norm,  # type: ignore[arg-type]
        quantity=quantity,  # type: ignore[arg-type]
    )
    assert loss.item() >= 0


def test_small_distances_do_not_cancel_in_float32() -> None:
    noise_t, noise_other, teacher_t, teacher_other = _frames(4, shape=(1, 19, 15, 15))
    for distance in (1e-1, 1e-3):
        frames = (
            (teacher_t + distance * noise_t).float(),
            (teacher_other + distance * noise_other).float(),
            teacher_t.float(),
            teacher_other.float(),
        )
        exact = pairwise_frames_loss(*(x.double() for x in frames))
        ours = pairwise_frames_loss(*frames).double()
        assert abs(ours / exact - 1) < 2e-3 * (1e-3 / distance)


@pytest.mark.parametrize("quantity", ["prob", "logit"])
@pytest.mark.parametrize("norm", ["cosine", "etc"])
def test_gradients_pass_gradcheck(quantity: str, norm: str) -> None:
    student_t, student_other, teacher_t, teacher_other = _frames(5, shape=(2, 3, 2, 2))
    assert torch.autograd.gradcheck(
        lambda s, o: pairwise_frames_loss(
            s,
            o,
            teacher_t,
            teacher_other,
            quantity=quantity,  # type: ignore[arg-type]
            norm=norm,  # type: ignore[arg-type]
        ),
        (student_t.requires_grad_(), student_other.requires_grad_()),
    )


def test_zero_vectors_do_not_give_nan() -> None:
    student_t, student_other, teacher_t, teacher_other = _frames(6)
    student_t = (student_t * 0).requires_grad_()
    for norm in ("cosine", "etc"):
        loss = pairwise_frames_loss(
            student_t,
            student_other,
            teacher_t,
            teacher_other,
            quantity="logit",
            norm=norm,  # type: ignore[arg-type]
        )
        assert torch.isfinite(loss)
        assert torch.isfinite(torch.autograd.grad(loss, student_t)[0]).all()


def test_half_precision_inputs_are_computed_in_float32_inside_autocast() -> None:
    frames = tuple(x.to(torch.bfloat16) for x in _frames(7, dtype=torch.float32))
    outside = pairwise_frames_loss(*(x.float() for x in frames))
    student = frames[0].clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pairwise_frames_loss(student, *frames[1:])
    assert inside.dtype == torch.float32
    assert inside.item() == outside.item()
    assert torch.autograd.grad(inside, student)[0].dtype == torch.bfloat16


def test_unknown_names_and_other_classes_are_refused() -> None:
    frames = _frames()
    with pytest.raises(ConfigError, match="probs") as error:
        pairwise_frames_loss(*frames, quantity="probs")  # type: ignore[arg-type]
    assert "choose one of: prob, logit" in str(error.value.hint)
    with pytest.raises(ConfigError, match="l2"):
        pairwise_frames_loss(*frames, norm="l2")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="differ in shape"):
        pairwise_frames_loss(*frames[:3], frames[3][:, :4])


def test_a_full_crop_needs_less_than_100_megabytes() -> None:
    (row,) = bench_losses(size=97, num_classes=19, repeats=1, forms=["ours"])
    assert row.extra_memory_bytes < 100e6
    assert row.value_error < 1e-5
    assert row.gradient_error < 1e-5
