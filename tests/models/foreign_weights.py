"""Checkpoints as others write them, made from random numbers."""

from __future__ import annotations

import json
import struct

import torch

from vstc.models.catalog import create_model

_TYPE_NAMES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.bool: "BOOL",
}


def write_safetensors(path, tensors, *, metadata=None):
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        blob = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": _TYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def backbone_tensors(model):
    """Return the backbone's part of a state dict, filled with random values."""
    generator = torch.Generator().manual_seed(7)
    return {
        name: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
        if not model.is_head(name)
    }


def norm_names(prefix):
    leaves = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{prefix}.{leaf}" for leaf in leaves]


def resnet_names(counts, *, convs, stem):
    """Names of a ResNet of torchvision, timm or semseg, in file order, without `fc`."""
    names = []
    for conv, norm in stem:
        names += [f"{conv}.weight", *norm_names(norm)]
    for number, count in enumerate(counts, start=1):
        for index in range(count):
            block = f"layer{number}.{index}"
            for conv in range(1, convs + 1):
                names += [f"{block}.conv{conv}.weight", *norm_names(f"{block}.bn{conv}")]
            if index == 0 and not (number == 1 and convs == 2):
                names += [f"{block}.downsample.0.weight", *norm_names(f"{block}.downsample.1")]
    return names


def timm_mobilenet_names():
    names = ["conv_stem.weight", *norm_names("bn1")]
    for stage, count in enumerate((1, 2, 3, 4, 3, 3, 1)):
        for index in range(count):
            convs = ("conv_dw", "conv_pw") if stage == 0 else ("conv_pw", "conv_dw", "conv_pwl")
            for number, conv in enumerate(convs, start=1):
                block = f"blocks.{stage}.{index}"
                names += [f"{block}.{conv}.weight", *norm_names(f"{block}.bn{number}")]
    return names


def renamed(model_name, names, *, extra=None):
    """Return a checkpoint with `names` on the backbone of a model, and the values by our names."""
    ours = backbone_tensors(create_model(model_name, num_classes=2, seed=0))
    assert len(names) == len(ours)
    theirs = dict(zip(names, ours.values(), strict=True))
    return theirs | (extra or {}), ours
