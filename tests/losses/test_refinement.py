"""The loss of a refiner against plain formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from vstc.losses.refinement import fuse, refinement_terms

K = 4


def made(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, K, (2, 5, 7), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.3] = 255
    return {
        "logits": torch.randn(2, K, 5, 7, generator=generator),
        "warped": torch.randn(2, K, 5, 7, generator=generator).softmax(dim=1),
        "doubt": torch.rand(2, 1, 5, 7, generator=generator),
        "labels": labels,
    }


def test_every_term_is_its_formula() -> None:
    given_ = made()
    logits, labels, doubt = given_["logits"], given_["labels"], given_["doubt"]
    fused = fuse(given_["warped"], logits.softmax(dim=1), doubt)
    aux = [torch.randn(2, K, 5, 7), torch.randn(2, K, 5, 7)]
    terms = refinement_terms(logits, fused, doubt, labels, aux_logits=aux, gain=4.0)
    torch.testing.assert_close(terms.refiner, F.cross_entropy(logits, labels, ignore_index=255))
    torch.testing.assert_close(terms.refined, F.nll_loss(fused.log(), labels, ignore_index=255))
    total, count = 0.0, 0
    for b, y, x in (labels != 255).nonzero().tolist():
        own = -logits[b, :, y, x].log_softmax(dim=0)[labels[b, y, x]]
        total += float(own * (1 + 4 * doubt[b, 0, y, x]))
        count += 1
    assert float(terms.attention) == pytest.approx(total / count, rel=1e-5)
    expected = sum(F.cross_entropy(one, labels, ignore_index=255) for one in aux)
    torch.testing.assert_close(terms.aux, expected)


def test_without_doubt_nothing_is_taken_from_the_refiner() -> None:
    given_ = made()
    logits = given_["logits"].requires_grad_()
    none = torch.zeros_like(given_["doubt"])
    fused = fuse(given_["warped"], logits.softmax(dim=1), none)
    assert torch.equal(fused, given_["warped"])
    assert torch.equal(fuse(given_["warped"], fused * 0 + 0.25, none + 1), fused * 0 + 0.25)
    terms = refinement_terms(logits, fused, none, given_["labels"])
    assert not torch.autograd.grad(terms.refined, logits, retain_graph=True)[0].any()
    torch.testing.assert_close(terms.attention, terms.refiner)
    assert torch.autograd.grad(terms.refiner, logits)[0].any()


@given(seed=st.integers(0, 1000))
def test_the_fused_result_stays_a_distribution(seed: int) -> None:
    given_ = made(seed)
    fused = fuse(given_["warped"], given_["logits"].softmax(dim=1), given_["doubt"])
    torch.testing.assert_close(fused.sum(dim=1), torch.ones(2, 5, 7))
    assert (fused >= 0).all()


def test_a_batch_without_labels_has_zero_loss() -> None:
    given_ = made()
    logits = given_["logits"].requires_grad_()
    void = torch.full_like(given_["labels"], 255)
    terms = refinement_terms(logits, given_["warped"], given_["doubt"], void)
    assert all(float(value.detach()) == 0 for value in vars(terms).values())
    assert not torch.autograd.grad(terms.attention + terms.refiner, logits)[0].any()


def test_an_impossible_class_has_a_finite_loss() -> None:
    given_ = made()
    certain = torch.zeros(2, K, 5, 7)
    certain[:, 0] = 1
    terms = refinement_terms(given_["logits"], certain, given_["doubt"], given_["labels"])
    assert float(terms.refined) < 14.0
    half = refinement_terms(
        given_["logits"].bfloat16(), certain.bfloat16(), given_["doubt"], given_["labels"]
    )
    assert half.refiner.dtype == torch.float32
