"""Forms of the pair-wise frames loss to measure: three that build N x N matrices, and ours.

Shapes: B batch (1), C classes, N = h w pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from vstc.losses.pairwise import normalised_pair, pairwise_frames_loss

Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def make_frames(*, size: int, num_classes: int, seed: int = 0) -> Tensors:
    """Make logits (1, C, size, size) of student and teacher for two frames, in float32.

    Returns:
        Student's frame t and the other frame, teacher's frame t and the other frame.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (1, num_classes, size, size)
    teacher_t = 2 * torch.randn(shape, generator=generator)
    teacher_other = teacher_t + torch.randn(shape, generator=generator)
    student_t = teacher_t + torch.randn(shape, generator=generator)
    student_other = teacher_other + torch.randn(shape, generator=generator)
    return student_t, student_other, teacher_t, teacher_other


def direct_form(frames: Tensors) -> torch.Tensor:
    """Compute the loss as the released code does: N x N products over N x N products of lengths."""
    probabilities = [frame.flatten(2).softmax(dim=1) for frame in frames]
    lengths = [p.square().sum(dim=1, keepdim=True).sqrt() for p in probabilities]

    def similarity(first: int, second: int) -> torch.Tensor:
        energy = torch.bmm(probabilities[first].transpose(1, 2), probabilities[second])
        return energy / torch.bmm(lengths[first].transpose(1, 2), lengths[second])

    return (similarity(2, 3) - similarity(0, 1)).square().mean()


class _Blocks(torch.autograd.Function):
    """The explicit loss by blocks of rows, with the gradient written out by hand."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        block_rows: int,
        s1: torch.Tensor,
        s2: torch.Tensor,
        t1: torch.Tensor,
        t2: torch.Tensor,
    ) -> torch.Tensor:
        num_pixels = s1.shape[1]
        grad_1, grad_2, total = torch.empty_like(s1), torch.zeros_like(s2), s1.new_zeros(())
        for start in range(0, num_pixels, block_rows):
            rows = slice(start, start + block_rows)
            residual = t1[:, rows].T @ t2
            residual.addmm_(s1[:, rows].T, s2, beta=-1)
            # By rows: one long float32 sum over N x N would lose four digits.
            total += torch.linalg.vector_norm(residual, dim=1).square().sum()
            grad_1[:, rows] = s2 @ residual.T
            grad_2 += s1[:, rows] @ residual
        ctx.save_for_backward(grad_1, grad_2)
        return total / num_pixels**2

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grad_outputs: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        grad_1, grad_2 = ctx.saved_tensors  # type: ignore[attr-defined]
        scale = 2 * grad_outputs[0] / grad_1.shape[1] ** 2
        return None, grad_1 * scale, grad_2 * scale, None, None


def _by_blocks(frames: Tensors, block_rows: int) -> torch.Tensor:
    student = normalised_pair(frames[0], frames[1])
    teacher = normalised_pair(frames[2], frames[3])
    vectors = (x[0] for x in (*student, *teacher))
    result: torch.Tensor = _Blocks.apply(block_rows, *vectors)  # type: ignore[no-untyped-call]
    return result


def lean_form(frames: Tensors) -> torch.Tensor:
    """Compute the loss with a single N x N matrix, the least that an explicit form can hold."""
    return _by_blocks(frames, frames[0].shape[2] * frames[0].shape[3])


def chunked_form(frames: Tensors) -> torch.Tensor:
    """Compute the loss by blocks of 512 rows of the N x N matrix."""
    return _by_blocks(frames, 512)


def gram_form(frames: Tensors) -> torch.Tensor:
    """Compute the loss as `vstc distill` does."""
    return pairwise_frames_loss(*frames)


PAIRWISE_FORMS: dict[str, Callable[[Tensors], torch.Tensor]] = {
    "direct": direct_form,
    "lean": lean_form,
    "chunked": chunked_form,
    "ours": gram_form,
}
