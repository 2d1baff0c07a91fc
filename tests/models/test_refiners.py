"""Refiners: what they cost, what they are before training, what reaches them in training."""

import json

import pytest
import torch

from tests.models.contract import random_images
from tests.models.test_pspnet import randomize_norms
from vstc.errors import ConfigError
from vstc.models.catalog import MODELS, create_model
from vstc.models.grids import Grid, resample
from vstc.models.icnet_refiner import ICNetCut
from vstc.models.refiner_catalog import (
    RefinerChoice,
    create_refiner,
    refiner_cost,
    refiner_for,
)
from vstc.models.taps import TappedModel

K = 5


def network_of(name, seed=0):
    return create_model(name, num_classes=K, seed=seed).eval()


def propagated(batch=2, size=(9, 11), seed=0):
    generator = torch.Generator().manual_seed(seed)
    warped = torch.randn(batch, K, *size, generator=generator).mul(4).softmax(dim=1)
    return warped, torch.rand(batch, 1, *size, generator=generator)


@pytest.mark.parametrize(
    ("cut", "ratio"), [("r1a", 0.495), ("r1b", 0.578), ("ra", 0.779), ("r3", 0.265)]
)
def test_each_cut_of_icnet_costs_its_share(cut, ratio):
    with torch.device("meta"):
        network = create_model("icnet", num_classes=19)
    refiner = create_refiner("icnet", {"num_classes": 19, "cut": cut})
    cost = refiner_cost(refiner, network, size=(1024, 2048))
    assert cost.network_gmacs == pytest.approx(29.03, abs=0.005)
    assert cost.ratio == pytest.approx(ratio, abs=0.0005)


@pytest.mark.parametrize("name", ["pspnet50", "pspnet18", "pspnet-mobilenetv2", "icnet"])
def test_the_residual_refiner_costs_less_than_half_of_the_networks_of_the_papers(name):
    with torch.device("meta"):
        network = create_model(name, num_classes=19)
        refiner = refiner_for(network, RefinerChoice(name="residual", takes_residual=True))
    cost = refiner_cost(refiner, network, size=(1024, 2048))
    assert 7 < cost.refiner_gmacs < 10
    assert cost.ratio < 0.5


@torch.no_grad()
@pytest.mark.parametrize("cut", ICNetCut)
@pytest.mark.parametrize("takes_predictions", [False, True])
def test_icnets_refiner_of_its_own_feature_is_icnet(cut, takes_predictions):
    network = network_of("icnet")
    randomize_norms(network)
    choice = RefinerChoice(cut=cut, takes_predictions=takes_predictions)
    refiner = refiner_for(network, choice, seed=3).eval()
    images = random_images(1, 65, 97)
    output = TappedModel(network, refiner.tap)(images)
    warped, inconsistency = propagated(1, (17, 25))
    found = refiner(images, warped, inconsistency, output.feature)
    scale = output.logits.abs().max()
    torch.testing.assert_close(found / scale, output.logits / scale, rtol=0, atol=1e-5)
    other = refiner(images, warped, inconsistency, output.feature + 1)
    assert not torch.allclose(other, found)


@torch.no_grad()
@pytest.mark.parametrize("name", ["pspnet-tiny", "icnet"])
@pytest.mark.parametrize("takes_feature", [False, True])
@pytest.mark.parametrize("size", [(9, 11), (8, 10), (20, 33)])
def test_the_untrained_residual_refiner_is_the_identity(name, takes_feature, size):
    network = network_of(name)
    choice = RefinerChoice(
        name="residual", takes_feature=takes_feature, takes_residual=True, width=16
    )
    refiner = refiner_for(network, choice).eval()
    images = random_images(2)
    feature = TappedModel(network, refiner.tap)(images).feature
    warped, inconsistency = propagated(size=size)
    logits = refiner(images, warped, inconsistency, feature, residual_B1hw=inconsistency)
    torch.testing.assert_close(logits, (warped + 1e-6).log())
    torch.testing.assert_close(logits.softmax(dim=1), warped, rtol=0, atol=1e-5)


@torch.no_grad()
def test_maps_on_another_grid_are_met_where_they_lie_in_the_image():
    """A map over the area of the frame gives what the same map on the network's grid gives."""
    network = network_of("icnet")
    refiner = refiner_for(network, RefinerChoice(name="residual", width=16), seed=1).eval()
    torch.nn.init.normal_(refiner.cls.weight, generator=torch.Generator().manual_seed(0))
    images = random_images(1, 65, 97)
    feature = TappedModel(network, refiner.tap)(images).feature
    corners, area = Grid.on_corners((17, 25), (65, 97)), Grid.over_area((16, 24), (64, 96))
    warped, inconsistency = propagated(1, (17, 25))
    expected = refiner(images, warped, inconsistency, feature) - (warped + 1e-6).log()
    moved = [resample(values, corners, area) for values in (warped, inconsistency)]
    found = refiner(images, *moved, feature, grid=area) - (moved[0] + 1e-6).log()
    assert found.shape == (1, K, 16, 24)
    # Resampled there and back, the inputs are a little smoother; the place is what counts.
    expected = resample(expected, corners, area)
    assert (found - expected).abs().mean() < 0.3 * expected.abs().mean()
    shifted = resample(expected, area, Grid(area.size, area.step, (area.offset[0] + 4, 5.5)))
    assert (found - expected).abs().mean() < 0.7 * (found - shifted).abs().mean()


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("icnet", RefinerChoice()),
        ("icnet", RefinerChoice(cut="ra", takes_predictions=True)),
        ("pspnet-tiny", RefinerChoice(takes_residual=True, width=16)),
        ("pspnet-tiny", RefinerChoice(takes_feature=False, width=16)),
    ],
)
def test_training_reaches_every_parameter(name, choice):
    network = network_of(name)
    refiner = refiner_for(network, choice, seed=0).train()
    for layer in (getattr(refiner, "correction", None), getattr(refiner, "cls", None)):
        if layer is not None:  # what starts as zero lets no gradient through before its first step
            for parameter in layer.parameters():
                torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))
    images = random_images(2, 65, 97)
    with torch.no_grad():
        feature = TappedModel(network, refiner.tap)(images).feature
    warped, inconsistency = propagated(size=(17, 25))
    output = refiner.refine(images, warped, inconsistency, feature, residual_B1hw=inconsistency)
    assert [logits.shape[1] for logits in output.aux_logits] == [K]
    sum(logits.square().mean() for logits in (output.logits, *output.aux_logits)).backward()
    for parameter_name, parameter in refiner.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.any(), parameter_name
    assert (
        refiner.eval()
        .refine(images, warped, inconsistency, feature, residual_B1hw=inconsistency)
        .aux_logits
        == ()
    )


@pytest.mark.parametrize("name", ["pspnet-tiny", "icnet"])
def test_arguments_are_json_and_build_the_same_refiner(name):
    network = network_of(name)
    refiner = refiner_for(network, RefinerChoice(width=16, takes_residual=True), seed=0)
    arguments = json.loads(json.dumps(dict(refiner.arguments)))
    again = create_refiner(refiner.name, arguments, seed=1)
    again.load_state_dict(refiner.state_dict())
    assert dict(again.arguments) == dict(refiner.arguments)
    assert again.convention == refiner.convention == network.convention


def test_copied_and_new_parameters_share_out_all():
    network = network_of("icnet")
    refiner = refiner_for(network, RefinerChoice(takes_predictions=True))
    new, copied = list(refiner.new_parameters()), list(refiner.copied_parameters())
    assert len(new) + len(copied) == len(list(refiner.parameters()))
    assert {id(p) for p in new} == {id(p) for p in refiner.correction.parameters()}
    theirs = network.state_dict()
    for name, value in refiner.state_dict().items():
        assert refiner.is_new(name) or torch.equal(value, theirs[name]), name
    generic = refiner_for(network, RefinerChoice(name="residual", width=16))
    assert not list(generic.copied_parameters())


def test_a_seed_fixes_the_weights():
    network = network_of("pspnet-tiny")
    first, again, other = (
        refiner_for(network, RefinerChoice(width=16), seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["detail.0.conv.weight"], other["detail.0.conv.weight"])


def test_what_is_missing_or_does_not_fit_is_refused():
    images, (warped, inconsistency) = random_images(2), propagated()
    refiner = refiner_for(network_of("pspnet-tiny"), RefinerChoice(width=16, takes_residual=True))
    with pytest.raises(ValueError, match=r"needs the propagated output of cls\.2"):
        refiner(images, warped, inconsistency)
    with pytest.raises(ValueError, match="photometric residual"):
        refiner(images, warped, inconsistency, torch.zeros(2, 48, 5, 6))
    with pytest.raises(ConfigError, match="the network is pspnet-tiny"):
        refiner_for(network_of("pspnet-tiny"), RefinerChoice(name="icnet"))
    with pytest.raises(ConfigError, match="unknown refiner: residul"):
        refiner_for(network_of("pspnet-tiny"), RefinerChoice(name="residul"))


@pytest.mark.parametrize("name", MODELS)
def test_every_network_has_a_refiner(name):
    with torch.device("meta"):
        network = create_model(name, num_classes=K)
        refiner = refiner_for(network, RefinerChoice(width=16))
    assert refiner.name == ("icnet" if name == "icnet" else "residual")
    assert refiner.tap == network.context_tap
