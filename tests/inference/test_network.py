"""A network on whole frames: sizes, scales, mirror images, devices."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vstc.errors import SetupError
from vstc.inference.network import FrameNetwork, pick_device, upload
from vstc.inference.stream import average_probabilities
from vstc.models.catalog import create_model
from vstc.models.resize import pad_to_grid, upsample_logits

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
Array8 = NDArray[np.uint8]


@pytest.fixture(scope="module")
def network() -> FrameNetwork:
    return FrameNetwork(create_model("pspnet-tiny", num_classes=5, seed=3), device=CPU)


def frame(height: int, width: int, seed: int = 0) -> Array8:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
    return cv2.resize(noise.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("size", [(41, 57), (40, 56), (37, 63), (9, 9), (1, 1), (100, 33)])
@pytest.mark.parametrize("scale", [1.0, 0.5, 0.75, 1.37])
def test_output_has_the_size_of_the_frame(
    network: FrameNetwork, size: tuple[int, int], scale: float
) -> None:
    image = frame(*size)
    probabilities = network.probabilities([image, image], scale=scale)
    assert probabilities.shape == (2, 5, *size)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2, *size))
    labels = network.labels([image])
    assert labels.shape == (1, *size)
    assert labels.dtype == np.uint8


def test_on_the_grid_logits_are_those_of_the_model_upsampled(network: FrameNetwork) -> None:
    image = frame(41, 57)
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        expected = upsample_logits(network.model(batch).logits, (41, 57))
    torch.testing.assert_close(network.logits([image]), expected)


def test_off_the_grid_frames_are_padded_and_cut_again(network: FrameNetwork) -> None:
    image = frame(45, 60)
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        padded = pad_to_grid(batch, network.model.size_rule)
        expected = upsample_logits(network.model(padded).logits, (49, 65))[:, :, :45, :60]
    torch.testing.assert_close(network.logits([image]), expected)


def test_a_scaled_frame_is_resized_there_and_back_by_pixel_centres(network: FrameNetwork) -> None:
    image = frame(82, 114)
    small = cv2.resize(image, (57, 41), interpolation=cv2.INTER_AREA)
    inner = network.logits([np.asarray(small, np.uint8)])
    expected = F.interpolate(inner, (82, 114), mode="bilinear", align_corners=False)
    torch.testing.assert_close(network.logits([image], scale=0.5), expected)


def test_input_scale_of_the_run_multiplies_the_test_time_scale(network: FrameNetwork) -> None:
    image = frame(64, 80)
    half = FrameNetwork(network.model, device=CPU, input_scale=0.5)
    torch.testing.assert_close(half.logits([image]), network.logits([image], scale=0.5))
    torch.testing.assert_close(half.logits([image], scale=2.0), network.logits([image]))


def test_mirrored_prediction_is_that_of_the_mirror_image_turned_back(
    network: FrameNetwork,
) -> None:
    image = frame(40, 50)
    mirror = np.ascontiguousarray(image[:, ::-1])
    torch.testing.assert_close(
        network.logits([image], mirrored=True), network.logits([mirror]).flip(3)
    )


def test_flip_average_of_a_symmetric_image_is_symmetric(network: FrameNetwork) -> None:
    half = frame(40, 30)
    image = np.concatenate([half, half[:, ::-1]], axis=1)
    plain = average_probabilities(network, [image], scales=(1.0,), flip=False)
    mean = average_probabilities(network, [image], scales=(1.0,), flip=True)
    torch.testing.assert_close(mean, mean.flip(3))
    assert (plain - plain.flip(3)).abs().max() > 1e-3


def test_average_is_the_mean_over_scales_and_mirror_images(network: FrameNetwork) -> None:
    images = [frame(40, 50, 1), frame(40, 50, 2)]
    parts = [
        network.probabilities(images, scale=scale, mirrored=mirrored)
        for scale in (0.75, 1.0, 1.5)
        for mirrored in (False, True)
    ]
    mean = average_probabilities(network, images, scales=(0.75, 1.0, 1.5), flip=True)
    torch.testing.assert_close(mean, torch.stack(parts).mean(dim=0))
    torch.testing.assert_close(mean.sum(dim=1), torch.ones(2, 40, 50))


def test_devices_that_are_not_here_are_refused() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in {"cpu", "cuda", "mps"}
    with pytest.raises(SetupError, match="no such device: gpu"):
        pick_device("gpu")
    with pytest.raises(SetupError, match="device cuda:99 is not available here"):
        pick_device("cuda:99")
    with pytest.raises(SetupError, match="device meta is not available here"):
        pick_device("meta")


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_what_is_brought_to_a_device_is_what_it_was(name: str) -> None:
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    values = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    brought = upload(values, torch.device(name))
    assert brought.device.type == name
    np.testing.assert_array_equal(brought.cpu().numpy(), values)
