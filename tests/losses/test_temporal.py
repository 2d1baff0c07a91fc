"""The temporal loss against explicit loops and closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.errors import ConfigError
from vstc.flow.warp import inside_frame, sample_at_flow
from vstc.losses.photometric import (
    IMAGENET_STD,
    forward_backward_consistent,
    pair_weights,
    photometric_weight,
)
from vstc.losses.temporal import temporal_loss

FORMS = ["kl", "l2", "logit-mse"]
COARSE, FULL = (3, 4), (17, 25)


class Pair:
    """Two frames with random logits, images and flow, in float64."""

    def __init__(self, seed: int = 0, *, batch: int = 2, classes: int = 3, reach: float = 3.0):
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        self.logits_t = 2 * normal(batch, classes, *COARSE)
        self.logits_other = 2 * normal(batch, classes, *COARSE)
        self.flow = reach * normal(batch, 2, *FULL)
        images = torch.randint(0, 256, (2, batch, 3, *FULL), generator=generator)
        self.image_t, self.image_other = images[0].to(torch.uint8), images[1].to(torch.uint8)
        self.valid = torch.rand(batch, *FULL, generator=generator) < 0.8

    def loss(self, **options: Any) -> torch.Tensor:
        return temporal_loss(
            self.logits_t, self.logits_other, self.flow, self.image_t, self.image_other, **options
        )


def _up(logits: torch.Tensor) -> torch.Tensor:
    return F.interpolate(logits, size=FULL, mode="bilinear", align_corners=True)


def _pixel_distance(z: torch.Tensor, w: torch.Tensor, form: str) -> float:
    """Distance of two logit vectors by its definition."""
    q, p = torch.softmax(z, 0), torch.softmax(w, 0)
    if form == "kl":
        return float(sum(q[c] * math.log(q[c] / p[c]) for c in range(len(q))))
    if form == "l2":
        return float(((q - p) ** 2).sum())
    return float(((z - w) ** 2).mean())


def _slow_loss(pair: Pair, *, form: str, mask: str, border: str, use_valid: bool) -> float:
    """Every pixel on its own, for a flow of whole pixels."""
    up_t, up_other = _up(pair.logits_t), _up(pair.logits_other)
    batch, _, height, width = up_t.shape
    total, count = 0.0, 0
    for b in range(batch):
        for row in range(height):
            for column in range(width):
                x = column + int(pair.flow[b, 0, row, column])
                y = row + int(pair.flow[b, 1, row, column])
                is_inside = 0 <= x < width and 0 <= y < height
                if border == "ignore" and not is_inside:
                    continue
                if use_valid and not pair.valid[b, row, column]:
                    continue
                x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
                difference = (
                    pair.image_t[b, :, row, column].double() - pair.image_other[b, :, y, x].double()
                ) / 255
                if mask == "l1":
                    weight = math.exp(-float(difference.abs().sum()))
                elif mask == "etc":
                    weight = math.exp(-abs(float((difference / torch.tensor(IMAGENET_STD)).sum())))
                else:
                    weight = 1.0
                if form == "logit-mse":
                    weight **= 2
                total += weight * _pixel_distance(
                    up_t[b, :, row, column], up_other[b, :, y, x], form
                )
                count += 1
    return total / count


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mask", ["l1", "etc", "none"])
@pytest.mark.parametrize("border", ["ignore", "clamp"])
def test_whole_pixel_flow_equals_a_loop_over_pixels(form: str, mask: str, border: str) -> None:
    pair = Pair(batch=1)
    pair.flow = pair.flow.round()
    use_valid = form == "kl"
    loss = pair.loss(
        form=form, mask=mask, border=border, valid_BHW=pair.valid if use_valid else None
    )
    expected = _slow_loss(pair, form=form, mask=mask, border=border, use_valid=use_valid)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stride", [1, 8])
def test_identical_logits_and_zero_flow_have_no_loss_and_no_gradient(
    form: str, stride: int
) -> None:
    pair = Pair()
    pair.flow = torch.zeros_like(pair.flow)
    pair.logits_other = pair.logits_t.clone().requires_grad_()
    pair.logits_t.requires_grad_()
    loss = pair.loss(form=form, stride=stride)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    for gradient in torch.autograd.grad(loss, (pair.logits_t, pair.logits_other)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    reach=st.floats(0, 50),
    form=st.sampled_from(FORMS),
    stride=st.sampled_from([1, 8]),
)
def test_the_loss_is_never_negative(seed: int, reach: float, form: str, stride: int) -> None:
    assert Pair(seed, reach=reach).loss(form=form, stride=stride).item() >= 0


@pytest.mark.parametrize("form", FORMS)
def test_direct_sampling_equals_warping_the_upsampled_logits(form: str) -> None:
    pair = Pair(3)
    pair.logits_t.requires_grad_()
    pair.logits_other.requires_grad_()
    loss = pair.loss(form=form, mask="none")
    anchor, warped = _up(pair.logits_t), sample_at_flow(_up(pair.logits_other), pair.flow)
    q, p = anchor.softmax(1), warped.softmax(1)
    distance = {
        "kl": (q * (q / p).log()).sum(1),
        "l2": (q - p).square().sum(1),
        "logit-mse": (anchor - warped).square().mean(1),
    }[form]
    expected = distance[inside_frame(pair.flow)].mean()
    torch.testing.assert_close(loss, expected, atol=2e-6, rtol=0)
    inputs = (pair.logits_t, pair.logits_other)
    mine, theirs = torch.autograd.grad(loss, inputs), torch.autograd.grad(expected, inputs)
    for ours, reference in zip(mine, theirs, strict=True):
        torch.testing.assert_close(ours, reference, atol=2e-6, rtol=0)
        assert ours.abs().max() > 0


@pytest.mark.parametrize("form", FORMS)
def test_stride_8_compares_every_eighth_pixel(form: str) -> None:
    pair = Pair(4)
    loss = pair.loss(form=form, mask="none", stride=8)
    full = pair.logits_t
    warped = sample_at_flow(pair.logits_other, pair.flow[:, :, ::8, ::8] / 8)
    inside = inside_frame(pair.flow)[:, ::8, ::8]
    expected = [
        _pixel_distance(full[b, :, y, x], warped[b, :, y, x], form)
        for b, y, x in inside.nonzero().tolist()
    ]
    assert loss.item() == pytest.approx(sum(expected) / len(expected), rel=1e-9)


def test_stride_8_weighs_with_the_full_resolution_images() -> None:
    pair = Pair(5)
    options = {"mask": "l1", "border": "ignore", "valid_BHW": pair.valid}
    full, full_valid = pair_weights(pair.flow, pair.image_t, pair.image_other, **options)  # type: ignore[arg-type]
    coarse, coarse_valid = pair_weights(
        pair.flow,
        pair.image_t,
        pair.image_other,
        step=(8, 8),
        **options,  # type: ignore[arg-type]
    )
    torch.testing.assert_close(coarse, full[:, ::8, ::8])
    assert torch.equal(coarse_valid, full_valid[:, ::8, ::8])


def test_the_masks_have_their_closed_forms() -> None:
    first = torch.full((1, 3, 1, 1), 100.0)
    second = first + torch.tensor([51.0, -51.0, 25.5]).view(1, 3, 1, 1)
    l1 = photometric_weight(first, second, mask="l1")
    assert l1.item() == pytest.approx(math.exp(-(0.2 + 0.2 + 0.1)))
    etc = photometric_weight(first, second, mask="etc")
    assert etc.item() == pytest.approx(math.exp(-abs(0.2 / 0.229 - 0.2 / 0.224 + 0.1 / 0.225)))
    # Opposite errors of two channels hide each other in the released form.
    opposite = first + torch.tensor([255 * 0.229, -255 * 0.224, 0.0]).view(1, 3, 1, 1)
    assert photometric_weight(first, opposite, mask="etc").item() == pytest.approx(1, abs=1e-6)
    assert photometric_weight(first, opposite, mask="l1").item() < 0.7


def test_the_consistency_mask_drops_occluded_pixels() -> None:
    forward = torch.zeros(1, 2, 4, 12)
    forward[:, 0] = 3.0
    backward = torch.zeros(1, 2, 4, 12)
    backward[:, 0] = -3.0
    backward[:, 0, :, 6] = 4.0
    agree = forward_backward_consistent(forward, backward)[0, 0]
    assert agree.tolist() == [True] * 3 + [False] + [True] * 5 + [False] * 3


def test_fb_counts_consistent_pixels_only_and_needs_the_flow_back() -> None:
    pair = Pair(6, reach=1.0)
    back = -pair.flow
    loss = pair.loss(mask="fb", flow_other_to_t_B2HW=back)
    agree = forward_backward_consistent(pair.flow, back)
    torch.testing.assert_close(loss, pair.loss(mask="none", valid_BHW=agree))
    with pytest.raises(ConfigError, match="both directions"):
        pair.loss(mask="fb")


def test_pixels_that_leave_the_frame_count_only_with_clamp() -> None:
    pair = Pair(7)
    pair.flow = torch.full_like(pair.flow, 100.0)
    assert pair.loss(border="ignore").item() == 0
    assert pair.loss(border="clamp").item() > 0


def test_invalid_pixels_change_nothing_whatever_they_hold() -> None:
    pair = Pair(8)
    pair.valid[:, :, 9:] = False
    loss = pair.loss(valid_BHW=pair.valid)
    pair.flow[:, :, :, 9:] = float("nan")
    pair.image_t[:, :, :, 9:] = 0
    assert pair.loss(valid_BHW=pair.valid).item() == loss.item()


def test_nothing_valid_gives_zero_and_a_finite_gradient() -> None:
    pair = Pair(9)
    pair.logits_t.requires_grad_()
    loss = pair.loss(valid_BHW=torch.zeros_like(pair.valid))
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, pair.logits_t)[0].any()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stride", [1, 8])
def test_gradients_to_both_frames_pass_gradcheck(form: str, stride: int) -> None:
    pair = Pair(10, batch=1)

    def loss(logits_t: torch.Tensor, logits_other: torch.Tensor) -> torch.Tensor:
        return temporal_loss(
            logits_t,
            logits_other,
            pair.flow,
            pair.image_t,
            pair.image_other,
            form=form,  # type: ignore[arg-type]
            stride=stride,  # type: ignore[arg-type]
        )

    inputs = (pair.logits_t.requires_grad_(), pair.logits_other.requires_grad_())
    assert torch.autograd.gradcheck(loss, inputs)


def test_the_flow_and_the_mask_are_constants() -> None:
    pair = Pair(11)
    pair.flow.requires_grad_()
    pair.logits_t.requires_grad_()
    pair.loss().backward()
    assert pair.flow.grad is None


def test_half_precision_inputs_are_computed_in_float32_inside_autocast() -> None:
    pair = Pair(12)
    pair.flow = pair.flow.float()
    pair.logits_t = pair.logits_t.to(torch.bfloat16)
    pair.logits_other = pair.logits_other.to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pair.loss()
    pair.logits_t, pair.logits_other = pair.logits_t.float(), pair.logits_other.float()
    assert inside.dtype == torch.float32
    assert inside.item() == pair.loss().item()


@pytest.mark.parametrize(
    "options", [{"form": "mse"}, {"mask": "l2"}, {"border": "zero"}, {"stride": 4}]
)
def test_unknown_names_list_the_known_ones(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="unknown temporal") as error:
        Pair().loss(**options)
    assert "choose one of" in str(error.value.hint)


def test_a_crop_off_the_stride_grid_is_refused() -> None:
    pair = Pair()
    pair.flow = pair.flow[:, :, :16]
    pair.image_t, pair.image_other = pair.image_t[:, :, :16], pair.image_other[:, :, :16]
    with pytest.raises(ConfigError, match="does not fit"):
        pair.loss()
