from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vstc.models.catalog import MODELS, create_model
from vstc.models.description import count_macs
from vstc.models.multiply_adds import count_multiply_adds


def counted(module, *shape):
    x = torch.zeros(shape)
    with torch.no_grad():
        return count_multiply_adds(module, lambda: module(x))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        # 10 x 12 in, 5 x 6 out, 3 x 3 window over 4 channels, 8 channels out
        (nn.Conv2d(4, 8, 3, stride=2, padding=1), (1, 4, 10, 12), 5 * 6 * 8 * 9 * 4),
        (nn.Conv2d(4, 8, 3, padding=2, dilation=2), (2, 4, 10, 12), 2 * 120 * 8 * 9 * 4),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (1, 8, 10, 12), 120 * 8 * 9),
        (nn.Conv2d(8, 16, 1, groups=2), (1, 8, 10, 12), 120 * 16 * 4),
        (nn.Conv1d(3, 5, 7), (1, 3, 20), 14 * 5 * 7 * 3),
        (nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1), (1, 6, 5, 7), 35 * 6 * 4 * 16),
        (nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2), (1, 6, 5, 7), 35 * 6 * 2 * 4),
        (nn.Linear(10, 3), (4, 7, 10), 4 * 7 * 10 * 3),
        (nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2)), (1, 4, 8, 8), 0),
    ],
)
def test_each_layer_has_its_closed_form(layer, shape, expected):
    assert counted(layer.eval(), *shape) == expected


def test_a_layer_that_runs_twice_counts_twice():
    layer = nn.Conv2d(2, 2, 1)
    assert counted(nn.Sequential(layer, layer), 1, 2, 3, 3) == 2 * 9 * 4


@pytest.mark.parametrize("layer", [nn.MultiheadAttention(8, 2), nn.LSTM(4, 4)])
def test_layers_that_cannot_be_counted_are_refused(layer):
    network = nn.Sequential(nn.Conv2d(2, 2, 1), layer)
    with pytest.raises(ValueError, match="cannot count the multiply-adds of 1"):
        count_multiply_adds(network, lambda: None)
    assert not network[0]._forward_hooks


@pytest.mark.parametrize("name", MODELS)
def test_networks_cost_half_of_what_torch_counts_as_flops(name):
    """A product that a network did by a plain function would show here."""
    with torch.device("meta"):
        model = create_model(name, num_classes=11).eval()
        images = torch.zeros(1, 3, 65, 97)
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        model(images)
    assert flops.get_total_flops() == 2 * count_macs(model, size=(65, 97)) > 0
