"""Losses compute in float32 or better, also inside autocast."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def _raised(value: Any) -> Any:
    """Return a half-precision tensor, or a list of such, as float32; all else unchanged."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    if isinstance(value, list | tuple):
        return type(value)(_raised(item) for item in value)
    return value


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors among the values and in the lists among them."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function see no half-precision tensor and run it outside autocast.

    float32 and float64 arguments pass unchanged; gradients come back in the caller's type.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        first = next(_tensors([*args, *kwargs.values()]), None)
        if first is None:
            return function(*args, **kwargs)
        with torch.autocast(first.device.type, enabled=False):
            raised = {name: _raised(value) for name, value in kwargs.items()}
            return function(*(_raised(value) for value in args), **raised)

    return wrapper
