"""Distance of two similarity matrices without building them.

The matrices are A^S = S1^T S2 and A^T = T1^T T2, N x N, of which only the mean squared difference
is wanted. With G(X, Y) = X Y^T (C x C), D = S - T and <,> the sum of elementwise products,

    |A^S - A^T|^2 = <G(D1,D1), G(S2,S2)> + 2 <G(D1,T1), G(S2,D2)> + <G(T1,T1), G(D2,D2)>

exactly, in O(N C^2) time and O(N C) memory (difference form). It has no cancellation: it is
exactly 0 for S = T. If student and teacher differ in channels there is no D, and the trace form

    |A^S - A^T|^2 = <G(S1,S1), G(S2,S2)> - 2 <G(S1,T1), G(S2,T2)> + <G(T1,T1), G(T2,T2)>

takes its place; it subtracts nearly equal numbers and is therefore computed in float64.

Shapes: B batch, C channels, N pixels.
"""

from __future__ import annotations

import torch

from vstc.losses.parts import sum_of_parts

BLOCK_ROWS = 512


def vector_lengths(vectors_BCN: torch.Tensor, *, eps: float) -> torch.Tensor:
    """Return max(|v|, eps) of every pixel's vector, shape (B, 1, N).

    Written out because `torch.linalg.vector_norm` over a strided dimension is five times slower on
    a CPU; clamping before the root keeps the gradient of a zero vector finite.
    """
    return vectors_BCN.square().sum(dim=1, keepdim=True).clamp(min=eps * eps).sqrt()


def _product(first_BCN: torch.Tensor, second_BDN: torch.Tensor) -> torch.Tensor:
    """Return G(first, second), shape (B, C, D)."""
    return torch.bmm(first_BCN, second_BDN.transpose(1, 2))


def _exact(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor in a type whose matrix products the device does not round to TF32.

    The products are so small that float64 on a GPU costs nothing that can be measured, and no
    global switch has to be read or set.
    """
    return tensor.double() if tensor.is_cuda else tensor


def difference_form(
    student_1_BCN: torch.Tensor,
    student_2_BCN: torch.Tensor,
    teacher_1_BCN: torch.Tensor,
    teacher_2_BCN: torch.Tensor,
) -> torch.Tensor:
    """Return |S1^T S2 - T1^T T2|^2 of each sample, shape (B,), by the difference form."""
    dtype = student_1_BCN.dtype
    s2, t1 = _exact(student_2_BCN), _exact(teacher_1_BCN)
    d1 = _exact(student_1_BCN - teacher_1_BCN)
    d2 = _exact(student_2_BCN - teacher_2_BCN)
    distance = (
        _product(d1, d1) * _product(s2, s2)
        + 2 * _product(d1, t1) * _product(s2, d2)
        + _product(t1, t1) * _product(d2, d2)
    ).sum(dim=(1, 2))
    return distance.to(dtype)


def trace_form(
    student_1_BCN: torch.Tensor,
    student_2_BCN: torch.Tensor,
    teacher_1_BDN: torch.Tensor,
    teacher_2_BDN: torch.Tensor,
) -> torch.Tensor:
    """Return the same by the trace form, in float64; student and teacher may differ in channels."""
    dtype = student_1_BCN.dtype
    s1, s2 = student_1_BCN.double(), student_2_BCN.double()
    t1, t2 = teacher_1_BDN.double(), teacher_2_BDN.double()
    distance = (
        (_product(s1, s1) * _product(s2, s2)).sum(dim=(1, 2))
        - 2 * (_product(s1, t1) * _product(s2, t2)).sum(dim=(1, 2))
        + (_product(t1, t1) * _product(t2, t2)).sum(dim=(1, 2))
    )
    return distance.to(dtype)


def blockwise_form(
    student_1_BCN: torch.Tensor,
    student_2_BCN: torch.Tensor,
    teacher_1_BDN: torch.Tensor,
    teacher_2_BDN: torch.Tensor,
    *,
    block_rows: int = BLOCK_ROWS,
) -> torch.Tensor:
    """Return the sum of the same over the batch, from explicit blocks of rows.

    For many channels and few pixels, where N (C + D) < C^2 + C D + D^2. Only one block of
    `block_rows` x N exists at a time; differentiable in the student.
    """
    batch, _, num_pixels = student_1_BCN.shape
    blocks_per_sample = -(-num_pixels // block_rows)
    teacher_1, teacher_2 = teacher_1_BDN.detach(), teacher_2_BDN.detach()

    def block_sum(part: int, student_1: torch.Tensor, student_2: torch.Tensor) -> torch.Tensor:
        sample, block = divmod(part, blocks_per_sample)
        rows = slice(block * block_rows, (block + 1) * block_rows)
        expected = teacher_1[sample, :, rows].T @ teacher_2[sample]
        actual = student_1[sample, :, rows].T @ student_2[sample]
        return (actual - expected).square().sum()

    return sum_of_parts(block_sum, batch * blocks_per_sample, student_1_BCN, student_2_BCN)


def gram_is_cheaper(*, student_channels: int, teacher_channels: int, num_pixels: int) -> bool:
    """Say whether C x C products need fewer multiplications than N x N ones."""
    s, t = student_channels, teacher_channels
    return s * s + s * t + t * t < num_pixels * (s + t)


def similarity_distance(
    student_1_BCN: torch.Tensor,
    student_2_BCN: torch.Tensor,
    teacher_1_BDN: torch.Tensor,
    teacher_2_BDN: torch.Tensor,
) -> torch.Tensor:
    """Return the mean over i, j and the batch of (A^S_ij - A^T_ij)^2, by the cheapest exact form.

    Gradients reach the student; no N x N matrix is built in any case.
    """
    batch, channels, num_pixels = student_1_BCN.shape
    teacher_channels = teacher_1_BDN.shape[1]
    tensors = (student_1_BCN, student_2_BCN, teacher_1_BDN.detach(), teacher_2_BDN.detach())
    has_float64 = student_1_BCN.device.type != "mps"
    cheap = gram_is_cheaper(
        student_channels=channels, teacher_channels=teacher_channels, num_pixels=num_pixels
    )
    if cheap and channels == teacher_channels:
        total = difference_form(*tensors).sum()
    elif cheap and has_float64:
        total = trace_form(*tensors).sum()
    else:
        total = blockwise_form(*tensors)
    return total / (batch * num_pixels * num_pixels)
