import pytest
import torch

from tests.models.contract import random_images
from vstc.errors import ConfigError
from vstc.models.catalog import MODELS, create_model
from vstc.models.taps import TappedModel, tapped_shape


@torch.no_grad()
def test_the_context_of_pspnet_enters_its_last_convolution():
    model = create_model("pspnet-tiny", num_classes=3, seed=0).eval()
    tapped = TappedModel(model, model.context_tap)
    images = random_images(2)
    output = tapped(images)
    assert torch.equal(output.logits, model(images).logits)
    torch.testing.assert_close(model.cls[4](output.feature), output.logits)


@torch.no_grad()
def test_the_context_of_icnet_is_its_deep_branch_before_the_fusion():
    model = create_model("icnet", num_classes=3, seed=0).eval()
    images = random_images(1, 65, 97)
    output = TappedModel(model, "conv_sub4")(images)
    assert output.feature.shape == (1, 128, 5, 7)
    conv3_1 = model.run_trunk(model.normalize(images))
    torch.testing.assert_close(output.feature, model.conv_sub4(model.run_context(conv3_1)))


@pytest.mark.parametrize("name", MODELS)
def test_every_network_declares_a_module_that_is_there(name):
    with torch.device("meta"):
        model = create_model(name, num_classes=3)
    assert model.context_tap in dict(model.named_modules())
    _, channels, height, width = tapped_shape(model, model.context_tap, (1, 3, 129, 257))
    assert channels >= 32
    assert height in (9, 17)
    assert width == 2 * height - 1


def test_without_a_tap_there_is_no_feature():
    model = create_model("pspnet-tiny", num_classes=3, seed=0).eval()
    assert TappedModel(model, None)(random_images(1)).feature is None


def test_a_released_network_keeps_nothing_more():
    model = create_model("pspnet-tiny", num_classes=3, seed=0).eval()
    tapped = TappedModel(model, "cls.0")
    assert tapped(random_images(1)).feature is not None
    tapped.release()
    assert tapped(random_images(1)).feature is None
    assert not model.cls[0]._forward_hooks


def test_an_unknown_module_is_refused_with_near_names():
    model = create_model("pspnet-tiny", num_classes=3, seed=0)
    with pytest.raises(ConfigError, match=r"unknown module of pspnet-tiny: cls\.9") as caught:
        TappedModel(model, "cls.9")
    assert "cls.0" in caught.value.hint
