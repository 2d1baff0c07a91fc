import pytest
import torch

from tests.models.contract import ModelContract, random_images
from tests.models.slow_pspnet import SlowPSPNet
from vstc.models.catalog import create_model


class TestPSPNetTiny(ModelContract):
    name = "pspnet-tiny"
    num_features = 96


class TestPSPNetSmall(ModelContract):
    name = "pspnet-small"
    num_features = 192


class TestPSPNet18(ModelContract):
    name = "pspnet18"
    num_features = 1024


class TestPSPNetMobileNetV2(ModelContract):
    name = "pspnet-mobilenetv2"
    num_features = 640


class TestPSPNet50(ModelContract):
    name = "pspnet50"
    num_features = 4096


def test_pspnet101_trains():
    model = create_model("pspnet101", num_classes=3, seed=0)
    output = model(random_images(2), num_aux=1)
    assert output.logits.shape == (2, 3, 5, 6)
    (aux_logits,) = output.aux_logits
    assert aux_logits.shape == (1, 3, 5, 6)
    assert output.features.shape == (2, 4096, 5, 6)
    (output.logits.sum() + aux_logits.sum()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def randomize_norms(model):
    """Give batch norms values that differ from the identity, as training would."""
    generator = torch.Generator().manual_seed(1)
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif name.endswith("running_mean"):
            value.normal_(0, 0.1, generator=generator)


@pytest.mark.parametrize(
    ("name", "kind", "counts", "deep_stem"),
    [
        ("pspnet18", "basic_block", (2, 2, 2, 2), False),
        ("pspnet-tiny", "basic_block", (1, 1, 1, 1), False),
        ("pspnet50", "bottleneck", (3, 4, 6, 3), True),
        ("pspnet-mobilenetv2", None, (), False),
    ],
)
@torch.no_grad()
def test_it_computes_what_the_tables_say(name, kind, counts, deep_stem):
    model = create_model(name, num_classes=3, seed=0).double().eval()
    randomize_norms(model)
    slow = SlowPSPNet(model.state_dict())
    pixels = model.normalize(random_images(1, 65, 73))
    deep = (
        slow.mobilenet(pixels)
        if kind is None
        else slow.resnet(pixels, block=getattr(slow, kind), counts=counts, deep_stem=deep_stem)
    )
    expected = slow.heads(deep)
    scale = expected.abs().max()
    actual = model(random_images(1, 65, 73)).logits
    torch.testing.assert_close(actual / scale, expected / scale, rtol=0, atol=1e-10)


def test_the_auxiliary_head_of_mobilenet_reads_the_thirteenth_block():
    model = create_model("pspnet-mobilenetv2", num_classes=3, seed=0).eval()
    with torch.no_grad():
        pixels = model.normalize(random_images(1))
        maps = model.encode(pixels)
        torch.testing.assert_close(maps.middle, model.features[:14](pixels))
        torch.testing.assert_close(maps.deep, model.features(pixels))
