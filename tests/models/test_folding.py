import pytest
import torch
from torch import nn

from vstc.models.conv_norm import ConvNorm
from vstc.models.folding import fold_batch_norms


def layers():
    torch.manual_seed(0)
    block = nn.Sequential(
        ConvNorm(3, 4, stride=2), ConvNorm(4, 4, groups=4, is_activated=False), nn.BatchNorm2d(4)
    )
    block(torch.randn(4, 3, 9, 11))
    return block.eval()


@torch.no_grad()
def test_a_scale_and_a_shift_go_into_the_convolution():
    given = layers()
    kept = {name: value.clone() for name, value in given.state_dict().items()}
    folded = fold_batch_norms(given)
    image = torch.randn(1, 3, 9, 11)
    torch.testing.assert_close(folded(image), given(image))
    norm = given[0].bn
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    torch.testing.assert_close(
        folded[0].conv.weight, given[0].conv.weight * scale.view(-1, 1, 1, 1)
    )
    torch.testing.assert_close(folded[0].conv.bias, norm.bias - norm.running_mean * scale)
    assert all(torch.equal(given.state_dict()[name], value) for name, value in kept.items())


def test_a_norm_that_follows_no_convolution_stays():
    folded = fold_batch_norms(layers())
    assert [type(folded[0].bn), type(folded[1].bn)] == [nn.Identity, nn.Identity]
    assert isinstance(folded[2], nn.BatchNorm2d)


def test_a_network_in_training_is_refused():
    with pytest.raises(ValueError, match="in training"):
        fold_batch_norms(layers().train())
