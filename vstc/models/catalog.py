"""All networks by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from vstc.errors import ConfigError, unknown_name
from vstc.models.icnet import ICNet
from vstc.models.pspnet import PSPNetMobileNetV2, PSPNetResNet, ResNetPlan
from vstc.models.resnet import BasicBlock, Bottleneck
from vstc.models.segmentation_model import SegmentationModel

ModelBuilder = Callable[[int], SegmentationModel]

_PLANS = {
    "pspnet101": ResNetPlan(
        block=Bottleneck,
        num_blocks=(3, 4, 23, 3),
        widths=(64, 128, 256, 512),
        stem_channels=128,
        stem_kernel=None,
        cls_width=512,
        aux_width=256,
    ),
    "pspnet50": ResNetPlan(
        block=Bottleneck,
        num_blocks=(3, 4, 6, 3),
        widths=(64, 128, 256, 512),
        stem_channels=128,
        stem_kernel=None,
        cls_width=512,
        aux_width=256,
    ),
    "pspnet18": ResNetPlan(
        block=BasicBlock,
        num_blocks=(2, 2, 2, 2),
        widths=(64, 128, 256, 512),
        stem_channels=64,
        stem_kernel=7,
        cls_width=256,
        aux_width=256,
    ),
    # Two narrow networks of ours, for the demo and for tests on a CPU: teacher and student.
    "pspnet-small": ResNetPlan(
        block=BasicBlock,
        num_blocks=(1, 1, 2, 1),
        widths=(32, 48, 64, 96),
        stem_channels=32,
        stem_kernel=3,
        cls_width=96,
        aux_width=32,
    ),
    "pspnet-tiny": ResNetPlan(
        block=BasicBlock,
        num_blocks=(1, 1, 1, 1),
        widths=(16, 24, 32, 48),
        stem_channels=16,
        stem_kernel=3,
        cls_width=48,
        aux_width=32,
    ),
}


def _on_resnet(name: str, plan: ResNetPlan, num_classes: int) -> SegmentationModel:
    return PSPNetResNet(name=name, num_classes=num_classes, plan=plan)


def _on_mobilenet_v2(num_classes: int) -> SegmentationModel:
    return PSPNetMobileNetV2(name="pspnet-mobilenetv2", num_classes=num_classes)


def _icnet(num_classes: int) -> SegmentationModel:
    return ICNet(name="icnet", num_classes=num_classes)


MODELS: dict[str, ModelBuilder] = {
    **{name: partial(_on_resnet, name, plan) for name, plan in _PLANS.items()},
    "pspnet-mobilenetv2": _on_mobilenet_v2,
    "icnet": _icnet,
}


def create_model(name: str, *, num_classes: int, seed: int | None = None) -> SegmentationModel:
    """Build a network with random weights, in training mode, on the CPU.

    Args:
        name: A key of `MODELS`.
        num_classes: Number of classes, at least 2.
        seed: Draw the weights from this seed and leave torch's global generator untouched; None
            draws from the global generator.

    Raises:
        ConfigError: The name is unknown, or there are fewer than two classes.
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    if num_classes < 2:
        raise ConfigError(
            f"a model needs at least 2 classes, not {num_classes}",
            hint="check the class table of the data set",
        )
    if seed is None:
        return MODELS[name](num_classes)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return MODELS[name](num_classes)
