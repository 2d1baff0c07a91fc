"""Single-frame distillation (SF): each frame's prediction, student like teacher.

Shapes: B batch, C classes, h x w the grid of the logits, N = h w.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F

from vstc.errors import ConfigError, unknown_name
from vstc.losses.gram import similarity_distance, vector_lengths
from vstc.losses.precision import full_precision

SingleFrameForm = Literal["kd", "cwd", "dist"]


def _require_same_shape(student: torch.Tensor, teacher: torch.Tensor) -> None:
    """Refuse a teacher whose logits cannot be compared with the student's."""
    if student.shape != teacher.shape:
        raise ConfigError(
            f"single frame: student logits {tuple(student.shape)} and teacher logits "
            f"{tuple(teacher.shape)} differ in shape",
            hint="use a teacher with the student's class table and output stride",
        )


@full_precision
def pixelwise_loss(
    student_BChw: torch.Tensor,
    teacher_BChw: torch.Tensor,
    *,
    reduction: Literal["pixel", "etc"] = "pixel",
    temperature: float = 1.0,
) -> torch.Tensor:
    """Mean over pixels of KL(teacher || student), times T^2.

    Args:
        student_BChw: Student's logits.
        teacher_BChw: Teacher's logits; constant.
        reduction: `pixel` is the KL of a pixel; `etc` divides it by C, as the released code does
            by averaging over classes too.
        temperature: Divides the logits; 1 in the released code.
    """
    _require_same_shape(student_BChw, teacher_BChw)
    if reduction not in ("pixel", "etc"):
        raise unknown_name("single-frame reduction", reduction, ("pixel", "etc"))
    log_student = (student_BChw / temperature).log_softmax(dim=1)
    log_teacher = (teacher_BChw.detach() / temperature).log_softmax(dim=1)
    loss = F.kl_div(log_student, log_teacher, log_target=True, reduction="sum")
    terms = student_BChw.numel() if reduction == "etc" else student_BChw[:, 0].numel()
    return loss * (temperature**2 / terms)


@full_precision
def channelwise_loss(
    student_BChw: torch.Tensor, teacher_BChw: torch.Tensor, *, temperature: float = 4.0
) -> torch.Tensor:
    """Channel-wise distillation: each class as a distribution over pixels (Shu et al. 2021, Eq. 4).

    T^2 / C times the sum over classes of KL(teacher || student), mean over the batch.
    """
    _require_same_shape(student_BChw, teacher_BChw)
    log_student = (student_BChw.flatten(2) / temperature).log_softmax(dim=2)
    log_teacher = (teacher_BChw.detach().flatten(2) / temperature).log_softmax(dim=2)
    loss = F.kl_div(log_student, log_teacher, log_target=True, reduction="sum")
    return loss * (temperature**2 / (student_BChw.shape[0] * student_BChw.shape[1]))


def _correlation_gap(first: torch.Tensor, second: torch.Tensor, *, dim: int) -> torch.Tensor:
    """Return 1 - the mean Pearson correlation along `dim`."""
    first = first - first.mean(dim=dim, keepdim=True)
    second = second - second.mean(dim=dim, keepdim=True)
    lengths = torch.linalg.vector_norm(first, dim=dim) * torch.linalg.vector_norm(second, dim=dim)
    gap: torch.Tensor = 1 - ((first * second).sum(dim=dim) / (lengths + 1e-8)).mean()
    return gap


@full_precision
def correlation_loss(
    student_BChw: torch.Tensor,
    teacher_BChw: torch.Tensor,
    *,
    inter: float = 1.0,
    intra: float = 1.0,
) -> torch.Tensor:
    """DIST: correlate probabilities instead of matching them (Huang et al. 2022, Eq. 9 and 10).

    Args:
        student_BChw: Student's logits.
        teacher_BChw: Teacher's logits; constant.
        inter: Factor of the correlation over the classes of a pixel.
        intra: Factor of the correlation over all pixels of the batch for a class.
    """
    _require_same_shape(student_BChw, teacher_BChw)
    student = student_BChw.softmax(dim=1).transpose(0, 1).flatten(1)
    teacher = teacher_BChw.detach().softmax(dim=1).transpose(0, 1).flatten(1)
    return inter * _correlation_gap(student, teacher, dim=0) + intra * _correlation_gap(
        student, teacher, dim=1
    )


@full_precision
def self_similarity_loss(
    student_features_BChw: torch.Tensor,
    teacher_features_BDhw: torch.Tensor,
    *,
    pool: int = 2,
    eps: float = 1e-6,
) -> torch.Tensor:
    """Compare the cosines between all pixels of one frame (the `pa` term of the released code).

    Exact without an N x N matrix, by whichever form needs fewer multiplications.

    Args:
        student_features_BChw: Student's features before the classifier.
        teacher_features_BDhw: Teacher's features on the same grid, any channels; constant.
        pool: Average-pool window.
        eps: Smallest length that is divided by.
    """
    units = []
    for features in (student_features_BChw, teacher_features_BDhw.detach()):
        vectors = F.avg_pool2d(features, pool).flatten(2)
        units.append(vectors / vector_lengths(vectors, eps=eps))
    student, teacher = units
    if student.shape[2] != teacher.shape[2]:
        raise ConfigError(
            f"self-similarity: {student.shape[2]} student pixels, {teacher.shape[2]} teacher ones",
            hint="use features of the same stride",
        )
    return similarity_distance(student, student, teacher, teacher)


_FORMS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "kd": pixelwise_loss,
    "cwd": channelwise_loss,
    "dist": correlation_loss,
}


def single_frame_loss(
    student_BChw: torch.Tensor,
    teacher_BChw: torch.Tensor,
    *,
    form: SingleFrameForm = "kd",
    reduction: Literal["pixel", "etc"] = "pixel",
) -> torch.Tensor:
    """Distil one frame by the named form.

    Args:
        student_BChw: Student's logits.
        teacher_BChw: Teacher's logits; constant.
        form: `kd` pixel-wise, `cwd` channel-wise (T = 4), `dist` correlations.
        reduction: Of `kd`; see `pixelwise_loss`.

    Returns:
        A scalar.

    Raises:
        ConfigError: An unknown name, or logits of different shapes.
    """
    if form not in _FORMS:
        raise unknown_name("single-frame loss", form, _FORMS)
    if form == "kd":
        return pixelwise_loss(student_BChw, teacher_BChw, reduction=reduction)
    return _FORMS[form](student_BChw, teacher_BChw)
