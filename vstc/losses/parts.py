"""Sum a loss over parts (images, blocks of rows) without keeping the parts' tensors alive.

The gradient of each part is taken at once, in the forward pass, and added up in the shape of the
inputs. So the memory for one part is enough, and nothing is computed twice; the price is that the
result cannot be differentiated a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd.function import FunctionCtx, once_differentiable

PartTerm = Callable[..., torch.Tensor]


class _SumOfParts(torch.autograd.Function):
    """Forward: the sum and its gradients; backward: scale the gradients."""

    @staticmethod
    def forward(
        ctx: Any, term: PartTerm, num_parts: int, wanted: list[bool], *inputs: torch.Tensor
    ) -> torch.Tensor:
        leaves = [
            tensor.detach().requires_grad_(want)
            for tensor, want in zip(inputs, wanted, strict=True)
        ]
        slots = [index for index, want in enumerate(wanted) if want]
        gradients = [
            torch.zeros_like(leaf) if want else None
            for leaf, want in zip(leaves, wanted, strict=True)
        ]
        total = inputs[0].new_zeros(())
        for part in range(num_parts):
            with torch.enable_grad():
                value = term(part, *leaves)
            total += value.detach()
            if not value.requires_grad:
                continue
            parts = torch.autograd.grad(value, [leaves[slot] for slot in slots], allow_unused=True)
            for slot, gradient in zip(slots, parts, strict=True):
                stored = gradients[slot]
                if stored is not None and gradient is not None:
                    stored += gradient
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *grad_outputs: torch.Tensor) -> Any:
        (grad_output,) = grad_outputs
        saved: tuple[torch.Tensor | None, ...] = ctx.saved_tensors  # type: ignore[attr-defined]
        scaled = (None if gradient is None else gradient * grad_output for gradient in saved)
        return None, None, None, *scaled


def sum_of_parts(term: PartTerm, num_parts: int, *inputs: torch.Tensor) -> torch.Tensor:
    """Return the sum of `term(part, *inputs)` over parts 0 .. num_parts - 1.

    Args:
        term: Returns a scalar for one part; it must reach differentiable tensors only through
            `inputs`.
        num_parts: Number of parts.
        *inputs: Tensors to differentiate with respect to (those that require a gradient).

    Returns:
        A scalar, differentiable once.
    """
    wanted = [tensor.requires_grad and torch.is_grad_enabled() for tensor in inputs]
    result: torch.Tensor = _SumOfParts.apply(term, num_parts, wanted, *inputs)  # type: ignore[no-untyped-call]
    return result
