import pytest
import torch

from vstc.errors import ConfigError
from vstc.models.catalog import MODELS, create_model
from vstc.models.description import count_parameters, describe_model


def on_meta(name):
    with torch.device("meta"):
        return create_model(name, num_classes=19)


# Counted on the released code with 19 classes; the two narrow networks are ours.
@pytest.mark.parametrize(
    ("name", "num_parameters", "num_parameters_inference", "num_tensors"),
    [
        ("pspnet101", 68_072_166, 65_707_475, 676),
        ("pspnet50", 49_080_038, 46_715_347, 370),
        ("pspnet18", 14_399_590, 13_804_371, 160),
        ("pspnet-mobilenetv2", 3_621_286, 3_394_707, 346),
        ("icnet", 6_707_321, 6_699_987, 384),
        ("pspnet-small", 539_238, 520_115, 124),
        ("pspnet-tiny", 122_582, 112_675, 112),
    ],
)
def test_sizes_are_those_of_the_released_networks(
    name, num_parameters, num_parameters_inference, num_tensors
):
    found = describe_model(name, num_classes=19, size=(65, 65))
    assert found.num_parameters == num_parameters
    assert found.num_parameters_inference == num_parameters_inference
    assert found.num_tensors == num_tensors


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "pspnet101",
            {
                "layer0": 112_832,
                "layer1": 236_288,
                "layer2": 1_219_584,
                "layer3": 26_090_496,
                "layer4": 14_964_736,
                "ppm": 4_198_400,
                "cls": 18_885_139,
                "aux": 2_364_691,
            },
        ),
        ("pspnet50", {"layer3": 7_098_368, "layer4": 14_964_736, "ppm": 4_198_400}),
        (
            "pspnet18",
            {
                "layer0": 9_536,
                "layer1": 147_968,
                "layer2": 525_568,
                "layer3": 2_099_712,
                "layer4": 8_393_728,
                "ppm": 263_168,
                "cls": 2_364_691,
                "aux": 595_219,
            },
        ),
        ("pspnet-mobilenetv2", {"features": 1_811_712}),
    ],
)
def test_each_part_has_its_released_size(name, parts):
    model = on_meta(name)
    assert {part: count_parameters(getattr(model, part)) for part in parts} == parts


@pytest.mark.parametrize(
    ("name", "size", "gmacs"),
    [
        ("pspnet18", (1024, 2048), 462.5),
        ("pspnet-mobilenetv2", (1024, 2048), 109.8),
        ("pspnet50", (713, 713), 363.8),
        ("pspnet101", (713, 713), 517.2),
        ("icnet", (1025, 2049), 29.81),
        ("icnet", (1024, 2048), 29.03),
    ],
)
def test_multiply_adds_agree_with_published_counts(name, size, gmacs):
    assert describe_model(name, num_classes=19, size=size).gmacs == pytest.approx(gmacs, abs=0.05)


def test_the_demo_teacher_costs_four_to_six_students():
    small, tiny = (
        describe_model(name, num_classes=19, size=(97, 193)).gmacs
        for name in ("pspnet-small", "pspnet-tiny")
    )
    assert 4 < small / tiny < 6


# One name of each kind, as the released checkpoints spell it.
@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("pspnet101", ["layer0.6.weight", "layer0.7.bias", "layer3.22.bn3.running_var"]),
        ("pspnet50", ["layer1.0.downsample.1.weight", "ppm.features.3.2.weight", "aux.4.bias"]),
        ("pspnet18", ["layer0.0.weight", "layer4.1.conv2.weight", "cls.1.num_batches_tracked"]),
        (
            "pspnet-mobilenetv2",
            ["features.0.0.weight", "features.1.conv.1.weight", "features.17.conv.3.running_mean"],
        ),
    ],
)
def test_names_are_those_of_the_released_checkpoints(name, known):
    assert set(known) <= set(on_meta(name).state_dict())


def test_an_unknown_name_lists_the_known_ones_nearest_first():
    with pytest.raises(ConfigError, match="unknown model: pspnet-tinny") as caught:
        create_model("pspnet-tinny", num_classes=3)
    listed = caught.value.hint.removeprefix("choose one of: ").split(", ")
    assert listed[0] == "pspnet-tiny"
    assert set(listed) == set(MODELS)


def test_a_single_class_is_refused():
    with pytest.raises(ConfigError, match="at least 2 classes"):
        create_model("pspnet-tiny", num_classes=1)


def test_a_seed_fixes_the_weights_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (
        create_model("pspnet-tiny", num_classes=3, seed=seed).state_dict() for seed in (4, 4, 5)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["layer0.0.weight"], other["layer0.0.weight"])


def test_describing_a_model_puts_it_back_in_its_mode():
    from vstc.models.description import count_macs

    model = on_meta("pspnet-tiny")
    count_macs(model, size=(33, 33))
    assert model.training
    assert all(part.training for part in model.modules())
