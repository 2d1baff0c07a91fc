"""ICNet against its graph, its published sizes, and the contract of all networks."""

import pytest
import torch

from tests.models.contract import ModelContract, random_images
from tests.models.slow_icnet import SlowICNet
from tests.models.test_pspnet import randomize_norms
from vstc.models.catalog import create_model
from vstc.models.description import count_parameters
from vstc.models.multiply_adds import count_multiply_adds
from vstc.models.weights import load_weights


class TestICNet(ModelContract):
    name = "icnet"
    num_features = 128
    stride = 4
    heads = frozenset(
        {"conv5_4_k1", "conv_sub4", "conv3_1_sub2_proj", "conv_sub2", "conv1_sub1", "conv2_sub1"}
        | {"conv3_sub1", "conv3_sub1_proj", "conv6_cls", "aux"}
    )
    aux_strides = (16, 8)
    channels = (2, 1, 0)
    mean = (103.939, 116.779, 123.68)
    std = (1.0, 1.0, 1.0)

    def features_of(self, model, pixels):
        return SlowICNet(model.state_dict())(pixels)["sub12_sum_interp"]

    def classifier_of(self, model):
        return model.conv6_cls


@pytest.fixture(scope="module")
def trained_like():
    model = create_model("icnet", num_classes=3, seed=0).double().eval()
    randomize_norms(model)
    return model


@torch.no_grad()
def test_it_computes_every_map_of_the_released_graph(trained_like):
    images = random_images(1, 65, 97)
    expected = SlowICNet(trained_like.state_dict())(trained_like.normalize(images))
    found = {}
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out}))
        for name, layer in trained_like.named_modules()
        if name in expected
    ]
    trained_like(images)
    for hook in hooks:
        hook.remove()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = value.abs().max()
        torch.testing.assert_close(found[name] / scale, value / scale, rtol=0, atol=1e-10, msg=name)


def test_the_auxiliary_heads_classify_the_enlarged_inputs_of_the_fusions(trained_like):
    images = random_images(2, 65, 97)
    slow = SlowICNet(trained_like.state_dict())
    maps = slow(trained_like.normalize(images))
    training = create_model("icnet", num_classes=3).double()
    training.load_state_dict(trained_like.state_dict())
    for layer in training.train().modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()
    found = training(images).aux_logits
    expected = [
        slow.classify("aux.sub4_out", maps["conv5_4_interp"]),
        slow.classify("aux.sub24_out", maps["sub24_sum_interp"]),
    ]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def parameters_of(model, *prefixes):
    return sum(
        p.numel()
        for name, p in model.named_parameters()
        if name.startswith(prefixes) and not name.endswith(("bn.weight", "bn.bias"))
    )


def test_each_part_has_its_released_size():
    """Parameters with batch norms merged into a bias, as the released file has them."""
    with torch.device("meta"):
        model = create_model("icnet", num_classes=19)
    merged = sum(
        layer.num_features for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)
    )
    model.drop_aux_head()
    assert count_parameters(model) - merged == 6_685_715
    assert parameters_of(model, "conv_sub4") + 128 == 295_040
    assert parameters_of(model, "conv3_1_sub2_proj") + 128 == 32_896
    assert parameters_of(model, "conv_sub2") + 128 == 147_584
    assert parameters_of(model, "conv1_sub1", "conv2_sub1", "conv3_sub1.") + 128 == 28_640
    assert parameters_of(model, "conv6_cls") == 2_451


def test_a_frame_of_1024_by_2048_gives_a_quarter_of_it():
    with torch.device("meta"):
        model = create_model("icnet", num_classes=19).eval()
        output = model(torch.zeros(1, 3, 1024, 2048))
    assert output.logits.shape == (1, 19, 256, 512)
    assert output.features.shape == (1, 128, 256, 512)


def test_a_file_with_the_same_names_loads(tmp_path):
    source = create_model("icnet", num_classes=5, seed=1)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "icnet.pth")
    model = create_model("icnet", num_classes=3, seed=2)
    report = load_weights(model, tmp_path / "icnet.pth")
    assert torch.equal(model.conv4_6_3x3.conv.weight, source.conv4_6_3x3.conv.weight)
    assert set(report.mismatched) == {
        f"{head}.{leaf}"
        for head in ("conv6_cls", "aux.sub4_out", "aux.sub24_out")
        for leaf in ("weight", "bias")
    }


def test_dropping_the_auxiliary_heads_leaves_the_rest():
    model = create_model("icnet", num_classes=5, seed=1)
    images = random_images(1, 33, 33)
    before = model.eval()(images).logits
    model.drop_aux_head()
    assert torch.equal(model(images).logits, before)
    assert model.train()(images).aux_logits == ()
    assert count_multiply_adds(model.eval(), lambda: model(images)) > 0
