"""Count the multiply-adds of a network in one pass.

A multiply-add is one product that is added to a sum: half of what others call two FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TransposedConvolution = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
# Their products are done by functions that no forward hook sees.
UNCOUNTABLE = (nn.MultiheadAttention, nn.Bilinear, nn.RNNBase, nn.RNNCellBase)
COUNTED = (
    "multiply-adds of convolutions, transposed convolutions and linear layers; not those of "
    "biases, normalisation, activation, pooling and resizing"
)


def count_multiply_adds(module: nn.Module, run: Callable[[], object]) -> int:
    """Count the multiply-adds of a network while it runs.

    A convolution costs, for each value of its output, one multiply-add per weight of that output
    channel, those on zero padding included. A transposed one costs the same for each value of its
    input, a linear layer one per weight and row. A layer that runs twice counts twice.

    Args:
        module: The network; on the device ``meta`` nothing is computed.
        run: Runs it.

    Raises:
        ValueError: It holds a layer whose products cannot be counted from outside.
    """
    total = 0

    def add(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        total += _cost(layer, inputs[0], output)

    hooks: list[Any] = []
    try:
        for name, layer in module.named_modules():
            if isinstance(layer, UNCOUNTABLE):
                raise ValueError(f"cannot count the multiply-adds of {name}: {type(layer)}")
            if isinstance(layer, (*Convolution, *TransposedConvolution, nn.Linear)):
                hooks.append(layer.register_forward_hook(add))
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return total


def _cost(layer: nn.Module, x: torch.Tensor, output: torch.Tensor) -> int:
    assert isinstance(layer.weight, torch.Tensor)
    is_transposed = isinstance(layer, TransposedConvolution)
    # Rows of the weight: output channels, or input channels where the layer is transposed.
    return (x if is_transposed else output).numel() * layer.weight[0].numel()
