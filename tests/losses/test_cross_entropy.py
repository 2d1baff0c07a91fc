"""Cross entropy, its auxiliary head and hard example mining against plain torch and loops."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.losses.cross_entropy import (
    CITYSCAPES_WEIGHTS,
    Ohem,
    cross_entropy,
    labels_on_grid,
    mark_easy_pixels,
    segmentation_loss,
)


def _batch(
    seed: int = 0, *, classes: int = 4, dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(3, classes, 3, 4, generator=generator, dtype=dtype)
    labels = torch.randint(0, classes, (3, 17, 25), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = 255
    return logits, labels.to(torch.uint8)


def _plain(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    full = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=True)
    return F.cross_entropy(full, labels.long(), weight=weights, ignore_index=255)


@pytest.mark.parametrize("weights", [None, (0.5, 2.0, 1.0, 0.1)])
def test_value_and_gradient_equal_cross_entropy_of_the_upsampled_batch(
    weights: tuple[float, ...] | None,
) -> None:
    logits, labels = _batch()
    mine, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = cross_entropy(mine, labels, class_weights=weights)
    expected = _plain(
        theirs, labels, None if weights is None else torch.tensor(weights, dtype=torch.float64)
    )
    torch.testing.assert_close(loss, expected, atol=1e-13, rtol=1e-13)
    torch.testing.assert_close(
        torch.autograd.grad(3 * loss, mine)[0], 3 * torch.autograd.grad(expected, theirs)[0]
    )


def test_the_auxiliary_head_counts_two_fifths() -> None:
    logits, labels = _batch()
    auxiliary, _ = _batch(1)
    loss = segmentation_loss(logits, [auxiliary], labels)
    torch.testing.assert_close(loss, _plain(logits, labels) + 0.4 * _plain(auxiliary, labels))
    torch.testing.assert_close(segmentation_loss(logits, (), labels), _plain(logits, labels))


def test_several_auxiliary_heads_have_a_weight_and_a_grid_each() -> None:
    """The loss of ICNet: 0.16, 0.4 and 1 at 1/16, 1/8 and 1/4."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 4, (2, 33, 65), generator=generator)
    heads = {
        stride: torch.randn(2, 4, 32 // stride + 1, 64 // stride + 1, generator=generator)
        for stride in (4, 16, 8)
    }
    loss = segmentation_loss(
        heads[4], [heads[16], heads[8]], labels, aux_weights=(0.16, 0.4), on_own_grid=True
    )
    expected = sum(
        weight * F.cross_entropy(heads[stride], labels[:, ::stride, ::stride])
        for stride, weight in ((16, 0.16), (8, 0.4), (4, 1.0))
    )
    torch.testing.assert_close(loss, expected)
    with pytest.raises(ValueError, match="zip"):
        segmentation_loss(heads[4], [heads[16], heads[8]], labels)


@given(height=st.integers(1, 40), width=st.integers(1, 40), stride=st.integers(1, 8))
def test_labels_on_a_grid_are_those_of_the_nearest_pixels(
    height: int, width: int, stride: int
) -> None:
    labels = torch.arange(height * width).reshape(1, height, width)
    size = ((height - 1) // stride + 1, (width - 1) // stride + 1)
    picked = labels_on_grid(labels, size)
    assert picked.shape == (1, *size)
    rows, columns = (picked // width)[0, :, 0], (picked % width)[0, 0]
    for chosen, full, length in ((rows, height, size[0]), (columns, width, size[1])):
        exact = torch.arange(length) * (full - 1) / max(length - 1, 1)
        assert ((chosen - exact).abs() <= 0.5 + 1e-4).all()


def test_labels_on_an_exact_grid_are_every_nth() -> None:
    labels = torch.randint(0, 9, (2, 33, 65))
    assert torch.equal(labels_on_grid(labels, (9, 17)), labels[:, ::4, ::4])
    assert labels_on_grid(labels, (33, 65)) is labels


def test_a_batch_without_labels_has_zero_loss_and_zero_gradient() -> None:
    logits, labels = _batch()
    logits.requires_grad_()
    for weights in (None, [1.0, 1.0, 1.0, 1.0]):
        loss = cross_entropy(logits, torch.full_like(labels, 255), class_weights=weights)
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, logits)[0].any()


def test_another_ignore_index_is_honoured() -> None:
    logits, labels = _batch()
    other = labels.clone()
    other[labels == 255] = 11
    torch.testing.assert_close(
        cross_entropy(logits, other, ignore_index=11), cross_entropy(logits, labels)
    )


def _slow_ohem(logits: torch.Tensor, labels: torch.Tensor, ohem: Ohem) -> torch.Tensor:
    """The released rule: sort the valid pixels, take the limit, loop."""
    full = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=True)
    probability = full.softmax(dim=1)
    valid = [
        (float(probability[b, labels[b, y, x].long(), y, x]), (b, y, x))
        for b, y, x in (labels != 255).nonzero().tolist()
    ]
    kept = torch.full_like(labels, 255)
    if ohem.min_kept >= len(valid):
        return labels.clone()
    ordered = sorted(value for value, _ in valid)
    limit = ohem.threshold
    if ohem.min_kept > 0:
        limit = max(limit, ordered[ohem.min_kept - 1])
    for value, place in valid:
        if value <= limit:
            kept[place] = labels[place]
    return kept


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    threshold=st.sampled_from([0.05, 0.3, 0.7]),
    min_kept=st.sampled_from([0, 1, 100, 700, 1000, 10**6]),
)
def test_hard_example_mining_equals_the_slow_rule(
    seed: int, threshold: float, min_kept: int
) -> None:
    logits, labels = _batch(seed)
    ohem = Ohem(threshold=threshold, min_kept=min_kept)
    marked = mark_easy_pixels(logits, labels, ohem=ohem)
    expected = _slow_ohem(logits, labels, ohem)
    assert torch.equal(marked, expected)
    torch.testing.assert_close(
        cross_entropy(logits, labels, ohem=ohem),
        torch.nan_to_num(_plain(logits, expected)),
    )


def test_hard_example_mining_concerns_the_main_head_only() -> None:
    logits, labels = _batch()
    ohem = Ohem(threshold=0.1, min_kept=5)
    loss = segmentation_loss(logits, [logits], labels, ohem=ohem)
    expected = cross_entropy(logits, labels, ohem=ohem) + 0.4 * _plain(logits, labels)
    torch.testing.assert_close(loss, expected)


def test_gradients_pass_gradcheck() -> None:
    logits, labels = _batch()
    assert torch.autograd.gradcheck(
        lambda z: segmentation_loss(z, [z * 2], labels), logits.requires_grad_()
    )


def test_half_precision_logits_are_computed_in_float32_inside_autocast() -> None:
    logits, labels = _batch(dtype=torch.float32)
    half = logits.to(torch.bfloat16).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = segmentation_loss(half, (), labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, _plain(half.detach().float(), labels))
    assert torch.autograd.grad(loss, half)[0].dtype == torch.bfloat16


def test_no_gradient_is_made_under_no_grad() -> None:
    logits, labels = _batch()
    with torch.no_grad():
        assert not cross_entropy(logits.requires_grad_(), labels).requires_grad


def test_the_19_cityscapes_weights_have_mean_one() -> None:
    assert len(CITYSCAPES_WEIGHTS) == 19
    assert sum(CITYSCAPES_WEIGHTS) / 19 == pytest.approx(1, abs=1e-4)
