"""Names of foreign checkpoints, translated to the names of our networks.

Each origin is recognised by its names. A translation returns our names; names of parts that our
networks do not have (the ImageNet classifier) become None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

Tensors = Mapping[str, torch.Tensor]

_DEEP_STEM_HINT = (
    "the weights have one 7x7 stem convolution, the network has three 3x3: use timm's "
    "resnet50s.gluon_in1k or resnet101s.gluon_in1k (Apache-2.0)"
)


@dataclass(frozen=True)
class Translation:
    """A checkpoint under our names.

    Attributes:
        source_format: Where the names come from.
        tensors: Tensors by our names.
        left_out: Names of the file that our networks have no place for, by design.
    """

    source_format: str
    tensors: dict[str, torch.Tensor]
    left_out: tuple[str, ...]


def translate(tensors: Tensors, target: Tensors) -> Translation:
    """Give the tensors of a checkpoint the names of a network.

    Args:
        tensors: The tensors of the file.
        target: State dict of the network.

    Returns:
        The translation; a checkpoint of unknown origin keeps its names.
    """
    if "layer0.0.weight" in target:
        return _for_resnet(tensors, target)
    if "features.0.0.weight" in target:
        return _for_mobilenet_v2(tensors, target)
    return _by_rule("the network's own names", tensors, lambda name: name)


def stem_hint(tensors: Tensors, target: Tensors) -> str | None:
    """Say where fitting weights are, if a plain ResNet is given to a network with deep stem."""
    stem = tensors.get("conv1.weight")
    is_plain = stem is not None and stem.shape[-1] == 7
    return _DEEP_STEM_HINT if is_plain and "layer0.3.weight" in target else None


def _for_resnet(tensors: Tensors, target: Tensors) -> Translation:
    if "layer0.0.weight" in tensors:
        return _by_rule("semseg, ETC or own names", tensors, lambda name: name)
    if "conv1.0.weight" in tensors:
        stem = {
            "conv1.0": "layer0.0",
            "conv1.1": "layer0.1",
            "conv1.3": "layer0.3",
            "conv1.4": "layer0.4",
            "conv1.6": "layer0.6",
            "bn1": "layer0.7",
        }
        return _by_rule("timm resnet with deep stem", tensors, _stem_rule(stem))
    if "conv3.weight" in tensors:
        stem = {
            "conv1": "layer0.0",
            "bn1": "layer0.1",
            "conv2": "layer0.3",
            "bn2": "layer0.4",
            "conv3": "layer0.6",
            "bn3": "layer0.7",
        }
        return _by_rule("semseg resnet v2", tensors, _stem_rule(stem))
    if "conv1.weight" in tensors and "layer1.0.conv1.weight" in tensors:
        stem = {"conv1": "layer0.0", "bn1": "layer0.1"}
        return _by_rule("torchvision resnet", tensors, _stem_rule(stem))
    return _by_rule("unknown", tensors, lambda name: name)


def _stem_rule(stem: Mapping[str, str]) -> Callable[[str], str | None]:
    def rename(name: str) -> str | None:
        module, _, leaf = name.rpartition(".")
        return None if module == "fc" else f"{stem.get(module, module)}.{leaf}"

    return rename


def _for_mobilenet_v2(tensors: Tensors, target: Tensors) -> Translation:
    if "features.1.conv.0.0.weight" in tensors:
        return _by_rule("torchvision mobilenet_v2 or own names", tensors, _torchvision_mobilenet)
    if "conv_stem.weight" in tensors:
        return _by_rule("timm mobilenetv2_100", tensors, _timm_mobilenet)
    return _by_position(tensors, target)


def _torchvision_mobilenet(name: str) -> str | None:
    return None if name.startswith(("features.18.", "classifier.")) else name


_TIMM_FIRST_BLOCK = {"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"}
_TIMM_BLOCK = {
    "conv_pw": "0.0",
    "bn1": "0.1",
    "conv_dw": "1.0",
    "bn2": "1.1",
    "conv_pwl": "2",
    "bn3": "3",
}
_TIMM_STAGE_START = (1, 2, 4, 7, 11, 14, 17)


def _timm_mobilenet(name: str) -> str | None:
    module, _, leaf = name.rpartition(".")
    if module in ("conv_head", "bn2", "classifier"):
        return None
    if module in ("conv_stem", "bn1"):
        return f"features.0.{int(module == 'bn1')}.{leaf}"
    found = re.fullmatch(r"blocks\.([0-6])\.(\d+)\.(\w+)", module)
    if found is None:
        return name
    stage, block, part = int(found[1]), int(found[2]), found[3]
    parts = _TIMM_FIRST_BLOCK if stage == 0 else _TIMM_BLOCK
    if part not in parts:
        return name
    return f"features.{_TIMM_STAGE_START[stage] + block}.conv.{parts[part]}.{leaf}"


def _by_rule(
    source_format: str, tensors: Tensors, rename: Callable[[str], str | None]
) -> Translation:
    names = {name: rename(name) for name in tensors}
    return Translation(
        source_format=source_format,
        tensors={new: tensors[old] for old, new in names.items() if new is not None},
        left_out=tuple(old for old, new in names.items() if new is None),
    )


def _by_position(tensors: Tensors, target: Tensors) -> Translation:
    """Match backbone tensors one by one in file order, if kind and shape agree for every one.

    That reads MobileNetV2 of tonylins and d-li14, which differ from torchvision in names alone.
    """
    ours = [name for name in target if name.startswith("features.") and not _is_counter(name)]
    theirs = [name for name in tensors if not _is_counter(name)]
    pairs = list(zip(theirs, ours, strict=False))
    agree = len(pairs) == len(ours) and all(
        _leaf(their) == _leaf(our) and tensors[their].shape == target[our].shape
        for their, our in pairs
    )
    if not agree:
        return _by_rule("unknown", tensors, lambda name: name)
    return Translation(
        source_format="mobilenet_v2 by position",
        tensors={our: tensors[their] for their, our in pairs},
        left_out=tuple(theirs[len(ours) :]),
    )


def _is_counter(name: str) -> bool:
    return _leaf(name) == "num_batches_tracked"


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]
