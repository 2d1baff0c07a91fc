"""Single-frame distillation against closed forms and explicit sums."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.errors import ConfigError
from vstc.losses.singleframe import (
    channelwise_loss,
    correlation_loss,
    pixelwise_loss,
    self_similarity_loss,
    single_frame_loss,
)

FORMS = ["kd", "cwd", "dist"]


def _logits(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 4, 3, 5)
    return (
        2 * torch.randn(shape, generator=generator, dtype=torch.float64),
        2 * torch.randn(shape, generator=generator, dtype=torch.float64),
    )


def test_pixelwise_of_two_classes_has_its_closed_form() -> None:
    student = torch.tensor([0.0, math.log(3)], dtype=torch.float64).view(1, 2, 1, 1)
    teacher = torch.zeros(1, 2, 1, 1, dtype=torch.float64)
    expected = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert pixelwise_loss(student, teacher).item() == pytest.approx(expected)
    assert pixelwise_loss(student, teacher, reduction="etc").item() == pytest.approx(expected / 2)


def test_pixelwise_is_the_mean_over_pixels_and_etc_that_of_kldivloss() -> None:
    student, teacher = _logits()
    p, q = teacher.softmax(1), student.softmax(1)
    torch.testing.assert_close(pixelwise_loss(student, teacher), (p * (p / q).log()).sum(1).mean())
    torch.testing.assert_close(
        pixelwise_loss(student, teacher, reduction="etc"),
        torch.nn.KLDivLoss(reduction="none")(student.log_softmax(1), p).mean(),
    )


def test_channelwise_sums_a_divergence_over_pixels_for_each_class() -> None:
    student, teacher = _logits()
    expected = 0.0
    for b in range(2):
        for c in range(4):
            p = torch.softmax(teacher[b, c].flatten() / 4, 0)
            q = torch.softmax(student[b, c].flatten() / 4, 0)
            expected += float((p * (p / q).log()).sum()) * 16 / 4 / 2
    assert channelwise_loss(student, teacher).item() == pytest.approx(expected)


def test_dist_is_one_minus_the_pearson_correlations() -> None:
    student, teacher = _logits()
    q = student.softmax(1).transpose(0, 1).flatten(1)
    p = teacher.softmax(1).transpose(0, 1).flatten(1)

    def correlation(first: torch.Tensor, second: torch.Tensor) -> float:
        return float(torch.corrcoef(torch.stack((first, second)))[0, 1])

    inter = sum(correlation(q[:, i], p[:, i]) for i in range(q.shape[1])) / q.shape[1]
    intra = sum(correlation(q[c], p[c]) for c in range(4)) / 4
    assert correlation_loss(student, teacher).item() == pytest.approx(2 - inter - intra, abs=1e-6)
    only = correlation_loss(student, teacher, inter=0.0, intra=3.0).item()
    assert only == pytest.approx(3 * (1 - intra), abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_student_equal_to_its_teacher_has_no_loss(form: str) -> None:
    teacher, _ = _logits()
    loss = single_frame_loss(teacher.clone(), teacher, form=form)  # type: ignore[arg-type]
    assert loss.item() == pytest.approx(0, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), form=st.sampled_from(FORMS))
def test_the_loss_is_never_negative(seed: int, form: str) -> None:
    assert single_frame_loss(*_logits(seed), form=form).item() >= -1e-12  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_gradients_reach_the_student_only_and_pass_gradcheck(form: str) -> None:
    student, teacher = _logits()
    student.requires_grad_()
    teacher.requires_grad_()
    single_frame_loss(student, teacher, form=form).backward()  # type: ignore[arg-type]
    assert teacher.grad is None
    assert torch.autograd.gradcheck(
        lambda s: single_frame_loss(s, teacher.detach(), form=form),  # type: ignore[arg-type]
        student,
    )


@pytest.mark.parametrize("channels", [(4, 4), (3, 5), (30, 50)])
def test_self_similarity_equals_the_explicit_matrices(channels: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    student = torch.randn(2, channels[0], 7, 8, generator=generator, dtype=torch.float64)
    teacher = torch.randn(2, channels[1], 7, 8, generator=generator, dtype=torch.float64)

    def similarity(features: torch.Tensor) -> torch.Tensor:
        unit = F.normalize(F.avg_pool2d(features, 2).flatten(2), dim=1)
        return unit.transpose(1, 2) @ unit

    mine, reference = student.clone().requires_grad_(), student.clone().requires_grad_()
    loss = self_similarity_loss(mine, teacher)
    expected = (similarity(reference) - similarity(teacher)).square().mean()
    torch.testing.assert_close(loss, expected, atol=0, rtol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(loss, mine)[0], torch.autograd.grad(expected, reference)[0]
    )


@pytest.mark.parametrize("form", FORMS)
def test_half_precision_logits_are_computed_in_float32_inside_autocast(form: str) -> None:
    student, teacher = (x.to(torch.bfloat16) for x in _logits())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = single_frame_loss(student, teacher, form=form)  # type: ignore[arg-type]
    outside = single_frame_loss(student.float(), teacher.float(), form=form)  # type: ignore[arg-type]
    assert inside.dtype == torch.float32
    assert inside.item() == outside.item()


def test_unknown_names_and_other_shapes_are_refused() -> None:
    student, teacher = _logits()
    with pytest.raises(ConfigError, match="unknown single-frame loss: mse") as error:
        single_frame_loss(student, teacher, form="mse")  # type: ignore[arg-type]
    assert all(name in str(error.value.hint) for name in FORMS)
    with pytest.raises(ConfigError, match="reduction"):
        single_frame_loss(student, teacher, reduction="sum")  # type: ignore[arg-type]
    for form in FORMS:
        with pytest.raises(ConfigError, match="differ in shape"):
            single_frame_loss(student, teacher[:, :3], form=form)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="15 student pixels, 9 teacher"):
        self_similarity_loss(student, teacher[:, :, :, :3], pool=1)
