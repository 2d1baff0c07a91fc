"""Backward warping against whole-pixel shifts, explicit loops and upsample-then-warp."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.errors import ConfigError
from vstc.flow.warp import (
    grid_stride,
    inside_frame,
    sample_at_flow,
    sample_at_positions,
    sample_logits_on_grid,
)


def _constant_flow(x: float, y: float, *, height: int, width: int) -> torch.Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, height, width)


def test_a_whole_pixel_flow_reads_the_pixel_it_points_at() -> None:
    values = torch.arange(20.0).view(1, 1, 4, 5)
    warped = sample_at_flow(values, _constant_flow(2, 1, height=4, width=5))
    torch.testing.assert_close(warped[0, 0, :3, :3], values[0, 0, 1:, 2:])


def test_zero_flow_is_the_identity_on_a_large_frame() -> None:
    values = torch.rand(1, 2, 257, 513, generator=torch.Generator().manual_seed(0))
    warped = sample_at_flow(values, torch.zeros(1, 2, 257, 513))
    torch.testing.assert_close(warped, values, atol=1e-4, rtol=0)


def test_bilinear_equals_an_explicit_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.rand(1, 3, 6, 7, generator=generator, dtype=torch.float64)
    flow = 4 * torch.randn(1, 2, 6, 7, generator=generator, dtype=torch.float64)
    expected = torch.empty_like(values)
    for row in range(6):
        for column in range(7):
            x = float((column + flow[0, 0, row, column]).clamp(0, 6))
            y = float((row + flow[0, 1, row, column]).clamp(0, 5))
            x0, y0 = min(int(x), 5), min(int(y), 4)
            fx, fy = x - x0, y - y0
            top = (1 - fx) * values[0, :, y0, x0] + fx * values[0, :, y0, x0 + 1]
            bottom = (1 - fx) * values[0, :, y0 + 1, x0] + fx * values[0, :, y0 + 1, x0 + 1]
            expected[0, :, row, column] = (1 - fy) * top + fy * bottom
    torch.testing.assert_close(sample_at_flow(values, flow), expected, atol=1e-12, rtol=0)


def test_nearest_keeps_label_values() -> None:
    labels = torch.tensor([[0, 7, 255], [3, 3, 9]], dtype=torch.uint8).view(1, 1, 2, 3)
    warped = sample_at_flow(labels, _constant_flow(0.7, 0.2, height=2, width=3), mode="nearest")
    assert warped[0, 0].tolist() == [[7, 255, 255], [3, 9, 9]]


def test_inside_frame_includes_edges_and_excludes_what_is_beyond() -> None:
    flow = _constant_flow(1.0, 0.0, height=2, width=3)
    assert inside_frame(flow)[0].tolist() == [[True, True, False]] * 2
    assert inside_frame(flow * 0).all()
    assert not inside_frame(flow * 0 - 1e-3)[0, 0].any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_flow_that_is_no_number_is_outside_and_harmless(bad: float) -> None:
    values = torch.ones(1, 1, 3, 3, requires_grad=True)
    flow = torch.zeros(1, 2, 3, 3)
    flow[0, 0, 1, 1] = bad
    assert inside_frame(flow).sum() == 8
    warped = sample_at_flow(values, flow)
    warped.sum().backward()
    assert torch.isfinite(warped).all()
    assert values.grad is not None
    assert torch.isfinite(values.grad).all()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    coarse=st.tuples(st.integers(2, 7), st.integers(2, 9)),
    reach=st.floats(0, 30),
)
def test_direct_sampling_equals_warping_the_upsampled_logits(
    seed: int, coarse: tuple[int, int], reach: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    size = (8 * (coarse[0] - 1) + 1, 8 * (coarse[1] - 1) + 1)
    logits = torch.randn(2, 3, *coarse, generator=generator)
    flow = reach * torch.randn(2, 2, *size, generator=generator)
    upsampled = F.interpolate(logits, size=size, mode="bilinear", align_corners=True)
    torch.testing.assert_close(
        sample_logits_on_grid(logits, flow), sample_at_flow(upsampled, flow), atol=1e-5, rtol=0
    )


def test_direct_sampling_is_accurate_at_training_size() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = F.avg_pool2d(torch.randn(1, 5, 49, 49, generator=generator), 3, 1, 1)
    flow = 5 * torch.randn(1, 2, 385, 385, generator=generator)
    upsampled = F.interpolate(logits, size=(385, 385), mode="bilinear", align_corners=True)
    exact = sample_at_flow(upsampled.double(), flow.double())
    torch.testing.assert_close(
        sample_logits_on_grid(logits.double(), flow.double()), exact, atol=2e-6, rtol=0
    )
    direct = sample_logits_on_grid(logits, flow).double()
    assert (direct - exact).abs().max() <= (
        sample_at_flow(upsampled, flow).double() - exact
    ).abs().max()


def test_a_crop_off_the_stride_grid_is_refused_with_the_rule() -> None:
    assert grid_stride(coarse=(97, 97), fine=(769, 769)) == (8, 8)
    with pytest.raises(ConfigError, match="does not fit") as error:
        grid_stride(coarse=(96, 96), fine=(768, 768))
    assert "multiple of 8 plus 1" in str(error.value.hint)


def test_an_unknown_mode_and_a_grid_mismatch_are_refused() -> None:
    with pytest.raises(ConfigError, match="cubic"):
        sample_at_positions(torch.ones(1, 1, 2, 2), torch.ones(1, 2, 2, 2), mode="cubic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="different grids"):
        sample_at_flow(torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 3, 3))


def test_gradients_pass_gradcheck() -> None:
    generator = torch.Generator().manual_seed(4)
    values = torch.randn(1, 2, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    flow = 0.3 + torch.rand(1, 2, 17, 25, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: sample_logits_on_grid(v, flow), values)


def test_half_precision_values_are_read_at_float32_positions() -> None:
    values = torch.arange(300.0).view(1, 1, 1, 300).to(torch.bfloat16)
    flow = torch.full((1, 2, 1, 300), 0.25, dtype=torch.bfloat16).float() * torch.tensor(
        [1.0, 0.0]
    ).view(1, 2, 1, 1)
    expected = sample_at_flow(values.float(), flow)
    assert sample_at_flow(values, flow).dtype == torch.float32
    torch.testing.assert_close(sample_at_flow(values, flow), expected)
