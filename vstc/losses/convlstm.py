"""The convolutional LSTM of the multi-frame loss.

Shapes: B batch, N x N a self-similarity map.
"""

from __future__ import annotations

import torch
from torch import nn


class ConvLSTMCell(nn.Module):
    """One convolution makes the gates input, forget, output and cell, in this order.

    No peepholes (Shi et al. 2015 without them, as the code released with Liu et al. 2020). With one
    input channel, four hidden ones and kernel 3 it has 736 parameters.

    Args:
        in_channels: Channels of the input.
        hidden_channels: Channels of state and output.
        kernel_size: Odd size of the convolution, which keeps the map's size.
        generator: Source of the initial weights; None takes the global one.
    """

    def __init__(
        self,
        in_channels: int = 1,
        hidden_channels: int = 4,
        *,
        kernel_size: int = 3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.hidden_channels = hidden_channels
        self.gates = nn.Conv2d(
            in_channels + hidden_channels,
            4 * hidden_channels,
            kernel_size,
            padding=kernel_size // 2,
        )
        bound = ((in_channels + hidden_channels) * kernel_size**2) ** -0.5
        for parameter in self.gates.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(
        self, inputs: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Advance by one map.

        Args:
            inputs: Shape (B, in_channels, N, N).
            state: (hidden, cell) of the step before; None is zero.

        Returns:
            (hidden, cell), each (B, hidden_channels, N, N).
        """
        if state is None:
            zeros = inputs.new_zeros(
                inputs.shape[0], self.hidden_channels, inputs.shape[2], inputs.shape[3]
            )
            state = (zeros, zeros)
        hidden, cell = state
        gates = self.gates(torch.cat((inputs, hidden), dim=1))
        input_gate, forget_gate, output_gate, candidate = gates.chunk(4, dim=1)
        cell = forget_gate.sigmoid() * cell + input_gate.sigmoid() * candidate.tanh()
        return output_gate.sigmoid() * cell.tanh(), cell
