"""Our networks as key networks, heads, light networks and refiners of propagation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.propagation.moving_frames import PanFlow, panning
from vstc.inference.network import FrameNetwork
from vstc.models.catalog import create_model
from vstc.models.grids import Grid
from vstc.models.refiner_catalog import RefinerChoice, refiner_for
from vstc.models.score_merge import ScoreMerge
from vstc.propagation.engine import Propagator
from vstc.propagation.frames import prepare_frame
from vstc.propagation.model_networks import ModelKeys, ModelRefiner, cells_in_frame
from vstc.propagation.networks import KeyRequest, RefinerInput
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
K = 5
DEFAULT = PropagateSettings()


def frame_network(*, seed=3, scale=1.0):
    model = create_model("pspnet-tiny", num_classes=K, seed=seed)
    return FrameNetwork(model, device=CPU, input_scale=scale)


@pytest.fixture(scope="module")
def network():
    return frame_network()


@pytest.fixture(scope="module")
def frames():
    return panning(4, step=(0, 0))[0]


def run_all(values, networks, frames):
    settings = PropagateSettings.model_validate({**values, "schedule": {"cuts": False}})
    propagator = Propagator(settings, networks)
    shown = [result for frame in frames for result in propagator.step(frame)]
    return shown + propagator.finish()


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_key_frame_is_what_predict_gives(frames, scale):
    network = frame_network(scale=scale)
    frame = prepare_frame(0, frames[0], DEFAULT)
    full = KeyRequest(frame.size, probabilities=True, feature=False)
    result = ModelKeys(network).segment(frame, full)
    np.testing.assert_array_equal(result.labels, network.labels([frames[0]])[0])
    expected = network.probabilities([frames[0]])
    assert result.feature is None
    if scale == 1:
        torch.testing.assert_close(result.probabilities, expected, atol=1e-4, rtol=1e-4)
    else:  # predict enlarges twice, first to the network's input
        assert (result.probabilities - expected).abs().mean() < 0.01
    small = ModelKeys(network).segment(
        frame, KeyRequest((24, 32), probabilities=True, feature=True)
    )
    assert small.probabilities.shape == (1, K, 24, 32)
    assert small.feature.values.shape[-2:] == small.feature.grid.size
    np.testing.assert_array_equal(small.small_labels, small.probabilities[0].argmax(dim=0).numpy())


def test_cells_lie_where_the_network_sees_them(network, frames):
    prepared = network.prepare([frames[0]])  # 96 x 128, filled up to 97 x 129
    grid = cells_in_frame(torch.zeros(1, 1, 13, 17), prepared)
    assert grid == Grid((13, 17), step=(8.0, 8.0), offset=(0.0, 0.0))
    half = frame_network(scale=0.5)
    prepared = half.prepare([frames[0]])  # 48 x 64, filled up to 49 x 65
    grid = cells_in_frame(torch.zeros(1, 1, 7, 9), prepared)
    assert grid == Grid((7, 9), step=(16.0, 16.0), offset=(0.5, 0.5))


def test_the_head_on_its_own_feature_gives_the_scores(network, frames):
    keys, frame = ModelKeys(network), prepare_frame(0, frames[0], DEFAULT)
    result = keys.segment(frame, KeyRequest((24, 32), probabilities=False, feature=True))
    assert result.probabilities is None
    torch.testing.assert_close(
        keys.classify(result.feature, (24, 32)), keys.scores(frame, (24, 32)), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("mode", ["features", "fusion"])
def test_a_still_clip_shows_the_key_frame_for_ever(network, frames, mode):
    keys = ModelKeys(network)
    merge = ScoreMerge(K)
    networks = Networks(keys, PanFlow((0, 0)), head=keys, light=keys, merge=merge)
    shown = run_all({"mode": mode, "carry_scale": 1.0, "interval": 4}, networks, frames)
    for result in shown[1:]:
        assert (result.labels == shown[0].labels).mean() > 0.999
        assert not result.is_key


def test_untrained_merging_is_the_mean_of_both_networks(network, frames):
    other = ModelKeys(frame_network(seed=4))
    keys = ModelKeys(network)
    networks = Networks(keys, PanFlow((0, 0)), head=keys, light=other, merge=ScoreMerge(K))
    shown = run_all({"mode": "fusion", "interval": 4}, networks, frames[:2])
    frame = prepare_frame(0, frames[0], DEFAULT)
    mean = (keys.scores(frame, (24, 32)) + other.scores(frame, (24, 32))) / 2
    torch.testing.assert_close(shown[1].scores, mean, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("takes_residual", [False, True])
def test_an_untrained_refiner_changes_nothing(network, frames, takes_residual):
    choice = RefinerChoice(name="residual", takes_residual=takes_residual)
    refiner = refiner_for(network.model, choice, seed=1)
    keys = ModelKeys(network, tap=refiner.tap)
    networks = Networks(keys, PanFlow((2, 1)), ModelRefiner(refiner, network))
    values = {"mode": "evs", "interval": 4}
    plain = run_all(values, networks, frames)
    refined = run_all({**values, "refine": "last"}, networks, frames)
    assert [r.is_refined for r in refined] == [False, False, False, True]
    torch.testing.assert_close(refined[3].scores, plain[3].scores, atol=1e-4, rtol=1e-3)


def test_a_refiner_sees_the_image_at_the_scale_of_the_key_network(frames):
    network = frame_network(scale=0.5)
    refiner = refiner_for(network.model, RefinerChoice(name="residual"), seed=1)
    keys, frame = ModelKeys(network, tap=refiner.tap), prepare_frame(0, frames[0], DEFAULT)
    request = KeyRequest((24, 32), probabilities=True, feature=True)
    result = keys.segment(frame, request)
    refined = ModelRefiner(refiner, network).refine(
        RefinerInput(
            frame, result.probabilities, np.ones((24, 32), np.float32), result.feature, None
        )
    )
    torch.testing.assert_close(refined, result.probabilities, atol=1e-4, rtol=1e-3)


def test_icnets_own_refiner_on_a_still_clip_is_icnet(frames):
    network = FrameNetwork(create_model("icnet", num_classes=K, seed=2), device=CPU)
    refiner = refiner_for(network.model, RefinerChoice(), seed=1)
    keys = ModelKeys(network, tap=refiner.tap)
    networks = Networks(keys, PanFlow((0, 0)), ModelRefiner(refiner, network))
    # With age limit 1 the mask is full: all that is shown is the refiner's.
    values = {"mode": "evs", "interval": 3, "refine": "every", "iam": {"max_age": 1}}
    refined = run_all(values, networks, frames[:3])
    frame = prepare_frame(0, frames[0], DEFAULT)
    result = keys.segment(frame, KeyRequest((24, 32), probabilities=True, feature=False))
    for shown in refined[1:]:
        torch.testing.assert_close(shown.scores, result.probabilities, atol=1e-3, rtol=1e-3)
