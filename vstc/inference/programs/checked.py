"""Operators of torch that trust their arguments, with the checks that they leave out.

Their kernels read beyond a tensor where the arguments do not fit one another (seen in torch 2.13),
which a network from Python cannot bring about, but a graph in a file can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_MODES = (0, 1, 2)


def with_checks(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    """Put the checks of an operator before it, if it needs any.

    Args:
        name: Its name without namespace and overload.
        operation: The operator.
    """
    check = _CHECKS.get(name)
    if check is None:
        return operation

    def checked(*args: Any, **kwargs: Any) -> Any:
        check(*args, **kwargs)
        return operation(*args, **kwargs)

    # Arguments are put in their places by it.
    vars(checked)["_schema"] = getattr(operation, "_schema", None)
    return checked


def _check_batch_norm(images: torch.Tensor, *per_channel: Any, **_: Any) -> None:
    channels = images.shape[1]
    for values in per_channel[:4]:
        if isinstance(values, torch.Tensor) and tuple(values.shape) != (channels,):
            raise ValueError(f"batch norm of {channels} channels is given {tuple(values.shape)}")


def _check_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any
) -> None:
    if key.shape[-2] != value.shape[-2] or query.shape[-1] != key.shape[-1]:
        shapes = [tuple(one.shape) for one in (query, key, value)]
        raise ValueError(f"attention is given {shapes}")


def _check_grid_sampler(
    images: torch.Tensor,
    grid: torch.Tensor,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> None:
    del images, grid, align_corners
    if interpolation_mode not in _MODES or padding_mode not in _MODES:
        raise ValueError(f"no such modes: {interpolation_mode}, {padding_mode}")


_CHECKS: dict[str, Callable[..., None]] = {
    "_native_batch_norm_legit_no_training": _check_batch_norm,
    "scaled_dot_product_attention": _check_attention,
    "grid_sampler": _check_grid_sampler,
    "grid_sampler_2d": _check_grid_sampler,
}
