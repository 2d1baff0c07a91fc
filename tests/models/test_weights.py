import pytest
import torch

from tests.models.foreign_weights import (
    backbone_tensors,
    renamed,
    resnet_names,
    timm_mobilenet_names,
    write_safetensors,
)
from vstc.errors import InputError
from vstc.models.catalog import create_model
from vstc.models.weights import load_weights

DEEP_STEM = [("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")]
TIMM_STEM = [("conv1.0", "conv1.1"), ("conv1.3", "conv1.4"), ("conv1.6", "bn1")]
PLAIN_STEM = [("conv1", "bn1")]
FC = {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}


def assert_backbone_is(model, expected):
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


@pytest.mark.parametrize(
    ("model_name", "names", "source_format"),
    [
        (
            "pspnet18",
            resnet_names((2, 2, 2, 2), convs=2, stem=PLAIN_STEM),
            "torchvision resnet",
        ),
        (
            "pspnet50",
            resnet_names((3, 4, 6, 3), convs=3, stem=DEEP_STEM),
            "semseg resnet v2",
        ),
        (
            "pspnet50",
            resnet_names((3, 4, 6, 3), convs=3, stem=TIMM_STEM),
            "timm resnet with deep stem",
        ),
    ],
)
def test_imagenet_resnets_fill_the_backbone(tmp_path, model_name, names, source_format):
    theirs, ours = renamed(model_name, names, extra=FC)
    torch.save(theirs, tmp_path / "resnet.pth")
    model = create_model(model_name, num_classes=4, seed=1)
    report = load_weights(model, tmp_path / "resnet.pth")
    assert_backbone_is(model, ours)
    assert report.source_format == source_format
    assert set(report.loaded) == set(ours)
    assert {name.split(".")[0] for name in report.missing} == {"ppm", "cls", "aux"}
    assert report.left_out == ("fc.weight", "fc.bias")
    assert not report.unexpected
    assert not report.is_complete


def test_timm_mobilenet_loads_from_safetensors_in_any_order(tmp_path):
    theirs, ours = renamed("pspnet-mobilenetv2", timm_mobilenet_names())
    theirs["conv_head.weight"] = torch.zeros(1280, 320, 1, 1)
    theirs["bn2.weight"] = torch.zeros(1280)
    theirs["classifier.bias"] = torch.zeros(1000)
    path = tmp_path / "model.safetensors"
    write_safetensors(path, dict(sorted(theirs.items())), metadata={"format": "pt"})
    model = create_model("pspnet-mobilenetv2", num_classes=4, seed=1)
    report = load_weights(model, path)
    assert_backbone_is(model, ours)
    assert report.source_format == "timm mobilenetv2_100"
    assert len(report.left_out) == 3


def flat_mobilenet_names(ours):
    """Names of d-li14: `conv` is one flat Sequential with activations counted."""
    names = [f"part{index}.{name.rpartition('.')[2]}" for index, name in enumerate(ours)]
    return dict(zip(names, ours.values(), strict=True))


def test_other_mobilenets_load_by_position(tmp_path):
    ours = backbone_tensors(create_model("pspnet-mobilenetv2", num_classes=2, seed=0))
    ours = {name: value for name, value in ours.items() if "num_batches" not in name}
    theirs = flat_mobilenet_names(ours)
    theirs["classifier.weight"] = torch.zeros(1000, 1280)
    torch.save(theirs, tmp_path / "other.pth")
    model = create_model("pspnet-mobilenetv2", num_classes=4, seed=1)
    report = load_weights(model, tmp_path / "other.pth")
    assert_backbone_is(model, ours)
    assert report.source_format == "mobilenet_v2 by position"
    assert report.left_out == ("classifier.weight",)


def test_position_is_no_guess_when_one_kind_differs(tmp_path):
    ours = backbone_tensors(create_model("pspnet-mobilenetv2", num_classes=2, seed=0))
    ours = {name: value for name, value in ours.items() if "num_batches" not in name}
    names = list(flat_mobilenet_names(ours).items())
    names[1], names[2] = names[2], names[1]  # bias before weight: the same shape, another meaning
    torch.save(dict(names), tmp_path / "other.pth")
    model = create_model("pspnet-mobilenetv2", num_classes=4, seed=1)
    with pytest.raises(InputError, match="does not fit"):
        load_weights(model, tmp_path / "other.pth")


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state", "model", "net", "weights", None])
def test_a_whole_training_checkpoint_loads(tmp_path, wrapper):
    source = create_model("pspnet-tiny", num_classes=4, seed=2)
    table = {f"module.{name}": value for name, value in source.state_dict().items()}
    content = {wrapper: table, "epoch": 3, "optimizer": {"state": {}}} if wrapper else table
    torch.save(content, tmp_path / "train.pth.tar")
    model = create_model("pspnet-tiny", num_classes=4, seed=3)
    report = load_weights(model, tmp_path / "train.pth.tar", require_complete=True)
    assert report.is_complete
    assert_backbone_is(model, source.state_dict())
    assert "112 tensors" in report.summary()


def test_a_checkpoint_of_another_class_count_gives_all_but_the_last_layers(tmp_path):
    source = create_model("pspnet-tiny", num_classes=19, seed=2)
    torch.save(source.state_dict(), tmp_path / "city.pth")
    model = create_model("pspnet-tiny", num_classes=4, seed=3)
    last = model.cls[4].weight.clone()
    report = load_weights(model, tmp_path / "city.pth")
    assert set(report.mismatched) == {"cls.4.weight", "cls.4.bias", "aux.4.weight", "aux.4.bias"}
    assert torch.equal(model.cls[4].weight, last)
    assert torch.equal(model.cls[0].weight, source.cls[0].weight)
    assert "of another class count, so not loaded: cls (2), aux (2)" in report.summary()
    with pytest.raises(InputError, match=r"does not fill pspnet-tiny with 4 classes: cls \(2\)"):
        load_weights(model, tmp_path / "city.pth", require_complete=True)


def test_the_auxiliary_head_may_be_absent_on_either_side(tmp_path):
    source = create_model("pspnet-tiny", num_classes=4, seed=2)
    torch.save(source.state_dict(), tmp_path / "with.pth")
    source.drop_aux_head()
    torch.save(source.state_dict(), tmp_path / "without.pth")
    model = create_model("pspnet-tiny", num_classes=4, seed=3)
    report = load_weights(model, tmp_path / "without.pth")
    assert all(name.startswith("aux.") for name in report.missing)
    model.drop_aux_head()
    report = load_weights(model, tmp_path / "with.pth", require_complete=True)
    assert all(name.startswith("aux.") for name in report.unexpected)


def test_half_precision_files_fill_float32_networks(tmp_path):
    source = create_model("pspnet-tiny", num_classes=4, seed=2)
    halves = {
        name: value.half() if value.is_floating_point() else value
        for name, value in source.state_dict().items()
    }
    write_safetensors(tmp_path / "half.safetensors", halves)
    model = create_model("pspnet-tiny", num_classes=4, seed=3)
    load_weights(model, tmp_path / "half.safetensors")
    assert model.cls[0].weight.dtype == torch.float32
    assert torch.equal(model.cls[0].weight, source.cls[0].weight.half().float())


def test_a_plain_resnet50_names_the_weights_that_have_the_deep_stem(tmp_path):
    names = resnet_names((3, 4, 6, 3), convs=3, stem=DEEP_STEM)
    theirs, _ = renamed("pspnet50", names, extra=FC)
    theirs = {
        name: value
        for name, value in theirs.items()
        if not name.startswith(("conv2", "conv3", "bn2", "bn3"))
    }
    theirs["conv1.weight"] = torch.zeros(64, 3, 7, 7)
    torch.save(theirs, tmp_path / "resnet50.pth")
    model = create_model("pspnet50", num_classes=4, seed=1)
    with pytest.raises(InputError, match="layer0.3.weight") as caught:
        load_weights(model, tmp_path / "resnet50.pth")
    assert "resnet50s.gluon_in1k" in caught.value.hint


def test_weights_of_a_deeper_network_are_refused_and_named(tmp_path):
    """All names of pspnet-tiny are in pspnet-small; the surplus block and the widths tell."""
    source = create_model("pspnet-small", num_classes=4, seed=2)
    torch.save(source.state_dict(), tmp_path / "small.pth")
    model = create_model("pspnet-tiny", num_classes=4, seed=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match="pspnet-tiny: .* of 60 backbone tensors match") as caught:
        load_weights(model, tmp_path / "small.pth")
    assert "have another shape (layer0.0.weight: (32, 3, 3, 3)" in caught.value.message
    assert "are unknown (layer3.1.conv1.weight" in caught.value.message
    assert caught.value.hint == "the file fits pspnet-small: choose that model"
    assert_backbone_is(model, before)


def test_surplus_blocks_alone_are_enough_to_refuse(tmp_path):
    table = create_model("pspnet-tiny", num_classes=4, seed=2).state_dict()
    table["layer3.1.conv1.weight"] = torch.zeros(32, 32, 3, 3)
    torch.save(table, tmp_path / "deeper.pth")
    with pytest.raises(InputError, match="1 are unknown"):
        load_weights(create_model("pspnet-tiny", num_classes=4), tmp_path / "deeper.pth")


def test_counters_of_profilers_do_not_disturb(tmp_path):
    table = create_model("pspnet-tiny", num_classes=4, seed=2).state_dict()
    table["layer3.total_ops"] = torch.zeros(1)
    torch.save(table, tmp_path / "profiled.pth")
    report = load_weights(create_model("pspnet-tiny", num_classes=4), tmp_path / "profiled.pth")
    assert report.unexpected == ("layer3.total_ops",)


def test_an_unrelated_network_is_refused(tmp_path):
    torch.save({"encoder.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="0 of 60 backbone tensors match") as caught:
        load_weights(create_model("pspnet-tiny", num_classes=4), tmp_path / "other.pth")
    assert caught.value.hint == "give the weights of the same architecture"


def test_real_mobilenet_weights_give_useful_features(real_data):
    path = real_data / "weights" / "mobilenet_v2" / "mobilenet_v2_imagenet_tf2ptq_bncal.pth"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    model = create_model("pspnet-mobilenetv2", num_classes=11, seed=0)
    report = load_weights(model, path)
    # 314 tensors in the file, 8 of them in the last layer and the classifier.
    assert len(report.loaded) == 306
    assert len(report.left_out) == 8
    assert not report.unexpected
    found = torch.load(path, map_location="cpu", weights_only=True)
    assert_backbone_is(model, {name: found[name] for name in report.loaded})
    with torch.no_grad():
        deep = model.eval().encode(model.normalize(torch.full((1, 3, 65, 65), 128.0))).deep
    assert deep.isfinite().all()
    assert 0.01 < deep.std() < 100


def test_real_weights_of_another_network_are_refused(real_data):
    path = real_data / "weights" / "raft" / "raft-small.pth"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    with pytest.raises(InputError, match="does not fit pspnet18: 0 of"):
        load_weights(create_model("pspnet18", num_classes=11), path)
