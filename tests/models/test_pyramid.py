import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.models.pyramid import BINS, PyramidPooling, average_by_matrices


@settings(max_examples=40)
@given(height=st.integers(1, 40), width=st.integers(1, 40), num_bins=st.sampled_from(BINS))
def test_pooling_by_matrices_is_adaptive_pooling(height, width, num_bins):
    features = torch.randn(2, 3, height, width, requires_grad=True)
    pooled = average_by_matrices(features, num_bins)
    expected = F.adaptive_avg_pool2d(features, num_bins)
    torch.testing.assert_close(pooled, expected, rtol=1e-4, atol=1e-5)
    weight = torch.randn_like(pooled)
    (gradient,) = torch.autograd.grad(pooled, features, weight)
    (wanted,) = torch.autograd.grad(expected, features, weight)
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-5)


def test_pooling_by_matrices_keeps_half_precision():
    features = torch.randn(1, 2, 13, 25).bfloat16()
    assert average_by_matrices(features, 6).dtype == torch.bfloat16


def test_the_pyramid_starts_with_its_input():
    features = torch.randn(2, 8, 5, 7)
    out = PyramidPooling(8)(features)
    assert out.shape == (2, 16, 5, 7)
    assert torch.equal(out[:, :8], features)


def test_the_first_level_is_constant_over_the_image():
    out = PyramidPooling(8).eval()(torch.randn(2, 8, 5, 7))
    level = out[:, 8:10]
    assert torch.equal(level, level[:, :, :1, :1].expand_as(level))
