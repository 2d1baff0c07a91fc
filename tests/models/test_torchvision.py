"""Compare with torchvision where it is installed; the stages before the dilation must agree."""

from __future__ import annotations

import pytest
import torch

from tests.models.contract import random_images
from vstc.models.catalog import create_model
from vstc.models.weights import load_weights


@pytest.fixture(scope="module")
def zoo():
    try:
        import torchvision.models
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        pytest.skip(f"torchvision cannot be imported: {error}")
    return torchvision.models


@torch.no_grad()
def test_resnet18_agrees_up_to_the_second_stage(zoo, tmp_path):
    theirs = zoo.resnet18(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    ours = create_model("pspnet18", num_classes=3, seed=0).eval()
    load_weights(ours, tmp_path / "resnet18.pth")
    pixels = ours.normalize(random_images(1, 65, 65))
    stem = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(pixels))))
    expected = theirs.layer2(theirs.layer1(stem))
    torch.testing.assert_close(ours.layer2(ours.layer1(ours.layer0(pixels))), expected)


@torch.no_grad()
def test_mobilenet_v2_agrees_up_to_stride_eight(zoo, tmp_path):
    theirs = zoo.mobilenet_v2(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "mobilenet.pth")
    ours = create_model("pspnet-mobilenetv2", num_classes=3, seed=0).eval()
    load_weights(ours, tmp_path / "mobilenet.pth")
    pixels = ours.normalize(random_images(1, 65, 65))
    torch.testing.assert_close(ours.features[:7](pixels), theirs.features[:7](pixels))
