"""Summing a loss over parts against one ordinary graph."""

from __future__ import annotations

import weakref

import pytest
import torch

from vstc.losses.parts import sum_of_parts


def _term(part: int, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first[part].sin() * second[part] ** 2).sum()


def test_value_and_gradients_equal_those_of_one_graph() -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 4, generator=generator, requires_grad=True)
    second = torch.randn(3, 4, generator=generator, requires_grad=True)
    total = sum_of_parts(_term, 3, first, second)
    expected = (first.sin() * second**2).sum()
    torch.testing.assert_close(total, expected)
    mine = torch.autograd.grad(total * 2.5, (first, second))
    theirs = torch.autograd.grad(expected * 2.5, (first, second))
    torch.testing.assert_close(mine, theirs)


def test_constants_get_no_gradient() -> None:
    first, second = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2)
    sum_of_parts(_term, 2, first, second).backward()
    assert first.grad is not None
    assert second.grad is None
    assert not sum_of_parts(_term, 2, first.detach(), second).requires_grad
    with torch.no_grad():
        assert not sum_of_parts(_term, 2, first, second).requires_grad


def test_the_graph_may_be_kept_but_not_differentiated_twice() -> None:
    first, second = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2)
    total = sum_of_parts(_term, 2, first, second)
    once = torch.autograd.grad(total, first, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(total, first), once)
    total = sum_of_parts(_term, 2, first, second) * first.sum()
    (gradient,) = torch.autograd.grad(total, first, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


class _Held:
    """What a graph keeps of one saved tensor."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def test_nothing_of_a_part_is_kept_when_the_next_one_begins() -> None:
    held: weakref.WeakSet[_Held] = weakref.WeakSet()
    counts: list[int] = []

    def pack(tensor: torch.Tensor) -> _Held:
        holder = _Held(tensor)
        held.add(holder)
        return holder

    def term(part: int, values: torch.Tensor) -> torch.Tensor:
        counts.append(len(held))
        result = values[part].repeat(1000).exp().sum()
        counts.append(len(held))
        return result

    values = torch.ones(3, 10, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda holder: holder.tensor):
        total = sum_of_parts(term, 3, values)
    assert counts == [0, 1, 0, 1, 0, 1]
    assert total.item() == pytest.approx(30_000 * torch.e, rel=1e-4)
