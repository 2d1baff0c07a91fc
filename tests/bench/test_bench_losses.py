"""The measured forms of the pair-wise loss agree, and the measurement holds together."""

from __future__ import annotations

import pytest
import torch

from vstc.bench.losses import bench_losses
from vstc.bench.pairwise_forms import PAIRWISE_FORMS, make_frames
from vstc.errors import ConfigError


def test_all_forms_have_the_same_value_and_gradient() -> None:
    frames = tuple(x.double() for x in make_frames(size=9, num_classes=5))
    results = {}
    for name, form in PAIRWISE_FORMS.items():
        student = [x.clone().requires_grad_() for x in frames[:2]]
        loss = form((*student, *frames[2:]))  # type: ignore[arg-type]
        results[name] = (loss.detach(), *torch.autograd.grad(loss, student))
    for name in PAIRWISE_FORMS:
        torch.testing.assert_close(results[name], results["direct"], rtol=1e-10, atol=1e-16)


def test_every_form_is_measured_against_the_direct_one() -> None:
    seen: list[str] = []
    rows = bench_losses(
        size=25, num_classes=5, repeats=1, forms=["direct", "ours"], on_progress=seen.append
    )
    assert seen == ["reference", "direct", "ours"]
    assert [row.form for row in rows] == ["direct", "ours"]
    assert rows[0].speedup == pytest.approx(1)
    for row in rows:
        assert row.seconds > 0
        assert row.value_error < 1e-5
        assert row.gradient_error < 1e-5


def test_unknown_forms_and_empty_measurements_are_refused() -> None:
    with pytest.raises(ConfigError, match="fastest"):
        bench_losses(forms=["fastest"])
    with pytest.raises(ConfigError, match="nothing to measure"):
        bench_losses(repeats=0)
