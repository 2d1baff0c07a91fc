"""Pair-wise frames dependency (PF): the similarities between two frames, student like teacher.

a_ij = cosine(q_t^i, q_other^j) of all pixels i of frame t and j of another frame, and
PF = mean over i, j of (a^S_ij - a^T_ij)^2 (Liu et al. 2020, Eq. 2). At 769x769 the matrices would
have 9409^2 entries; they are never built, see `vstc.losses.gram`.

Shapes: B batch, C classes, h x w the grid of the logits, N = h w.
"""

from __future__ import annotations

from typing import Literal

import torch

from vstc.errors import ConfigError, unknown_name
from vstc.losses.gram import difference_form, vector_lengths
from vstc.losses.precision import full_precision

PairwiseQuantity = Literal["prob", "logit"]
PairwiseNorm = Literal["cosine", "etc"]


def _vectors(logits_BChw: torch.Tensor, quantity: str) -> torch.Tensor:
    """Return the per-pixel vectors that are compared, shape (B, C, N)."""
    vectors_BCN = logits_BChw.flatten(2)
    if quantity == "prob":
        return vectors_BCN.softmax(dim=1)
    if quantity == "logit":
        return vectors_BCN
    raise unknown_name("pairwise quantity", quantity, ("prob", "logit"))


def normalised_pair(
    logits_t_BChw: torch.Tensor,
    logits_other_BChw: torch.Tensor,
    *,
    quantity: str = "prob",
    norm: str = "cosine",
    eps: float = 1e-6,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (left, right), both (B, C, N), such that a = left^T right.

    With `cosine` each vector is divided by its own length, at least `eps`. With `etc` the lengths
    are swapped: vector i of frame t is divided by the length of vector i of the other frame and
    the other way round, as in the code released with Liu et al. 2020, whose norms are laid out
    along the wrong axes. That is no cosine and not bounded by 1. The code has no `eps`.
    """
    left, right = _vectors(logits_t_BChw, quantity), _vectors(logits_other_BChw, quantity)
    left_length, right_length = vector_lengths(left, eps=eps), vector_lengths(right, eps=eps)
    if norm == "cosine":
        return left / left_length, right / right_length
    if norm == "etc":
        return left / right_length, right / left_length
    raise unknown_name("pairwise norm", norm, ("cosine", "etc"))


@full_precision
def pairwise_frames_loss(
    student_t_BChw: torch.Tensor,
    student_other_BChw: torch.Tensor,
    teacher_t_BChw: torch.Tensor,
    teacher_other_BChw: torch.Tensor,
    *,
    quantity: PairwiseQuantity = "prob",
    norm: PairwiseNorm = "cosine",
    eps: float = 1e-6,
) -> torch.Tensor:
    """Compare the two frames' similarities of the student with those of the teacher.

    Exact, in O(N C^2) time and O(N C) memory; exactly 0 with zero gradient where the student
    equals the teacher. Gradients reach both student frames, through the lengths too.

    Args:
        student_t_BChw: Student's logits of frame t.
        student_other_BChw: Student's logits of the other frame.
        teacher_t_BChw: Teacher's logits of frame t; constant.
        teacher_other_BChw: Teacher's logits of the other frame; constant.
        quantity: Compare class probabilities (the papers) or logits (the released code).
        norm: `cosine`, or the released code's swapped lengths `etc`.
        eps: Smallest length that is divided by.

    Returns:
        A scalar: the mean over all pairs of pixels and the batch.

    Raises:
        ConfigError: An unknown name, or a teacher with other classes or another grid. The papers
            compare class vectors, so a difference is a mistake in the set-up.
    """
    shapes = {tuple(x.shape) for x in (student_t_BChw, student_other_BChw)}
    shapes |= {tuple(x.shape) for x in (teacher_t_BChw, teacher_other_BChw)}
    if len(shapes) > 1:
        raise ConfigError(
            "pairwise frames: student and teacher logits differ in shape "
            f"(batch, classes, height, width): {sorted(shapes)}",
            hint="use a teacher with the student's class table and output stride",
        )
    options = {"quantity": quantity, "norm": norm}
    student = normalised_pair(student_t_BChw, student_other_BChw, eps=eps, **options)
    with torch.no_grad():
        teacher = normalised_pair(teacher_t_BChw, teacher_other_BChw, eps=eps, **options)
    batch, _, num_pixels = student[0].shape
    return difference_form(*student, *teacher).sum() / (batch * num_pixels * num_pixels)
