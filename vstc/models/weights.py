"""Load weights from a file into a network, and say what was loaded and what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from vstc.errors import InputError
from vstc.models.catalog import MODELS
from vstc.models.key_maps import Tensors, stem_hint, translate
from vstc.models.segmentation_model import SegmentationModel
from vstc.models.tensor_file import read_tensors

_PARAMETER_LEAVES = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class WeightReport:
    """What became of the tensors of a file and of a network.

    Attributes:
        path: The file.
        source_format: Origin of the file, as far as its names tell.
        loaded: Names that were filled.
        missing: Names of the network that the file lacks; they keep their values. All in heads.
        unexpected: Names of the file that the network does not know.
        mismatched: Final classifiers of another number of classes; not loaded.
        left_out: Names of the file that are known and not needed (the ImageNet classifier).
    """

    path: str
    source_format: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Tell whether every tensor of the network was filled."""
        return not self.missing and not self.mismatched

    def summary(self) -> str:
        """Return one line for people."""
        parts = [f"{len(self.loaded)} tensors from {self.path} ({self.source_format})"]
        for label, names in (
            ("not in the file", self.missing),
            ("of another class count, so not loaded", self.mismatched),
            ("not needed", self.left_out),
            ("unknown", self.unexpected),
        ):
            if names:
                parts.append(f"{label}: {_by_part(names)}")
        return "; ".join(parts)


def load_weights(
    model: SegmentationModel, path: str | Path, *, require_complete: bool = False
) -> WeightReport:
    """Fill a network from a checkpoint of ours, semseg, ETC, torchvision or timm.

    The network changes only if everything is in order. Heads may be missing, and a final classifier
    of another number of classes is passed over; every other difference is an error.

    Args:
        model: The network; its weights keep their type and device.
        path: A `.pth`, `.pt`, `.pth.tar` or `.safetensors` file.
        require_complete: Refuse a file that leaves a part of the network at its old values.

    Raises:
        InputError: The file cannot be read, or belongs to another architecture.
    """
    tensors = read_tensors(Path(path))
    target = model.state_dict()
    plan, report = _match(model, target, tensors, path=str(path))
    faults = _faults(model, target, plan, report)
    if faults:
        raise InputError(
            f"{path} does not fit {model.name}: {'; '.join(faults)}",
            hint=_other_model(model, tensors)
            or stem_hint(tensors, target)
            or "give the weights of the same architecture",
        )
    if require_complete and not report.is_complete:
        gap = _by_part(report.missing + report.mismatched)
        raise InputError(
            f"{path} does not fill {model.name} with {model.num_classes} classes: {gap}",
            hint="give a checkpoint of the whole network, trained with the same class table",
        )
    model.load_state_dict({name: plan[name] for name in report.loaded}, strict=False)
    return report


def _match(
    model: SegmentationModel, target: Tensors, tensors: Tensors, *, path: str
) -> tuple[dict[str, torch.Tensor], WeightReport]:
    translation = translate(tensors, target)
    plan = translation.tensors
    other_classes = [
        name
        for name in plan
        if name in target and _is_other_class_count(model, name, plan[name], target[name])
    ]
    loaded = [name for name in plan if name in target and plan[name].shape == target[name].shape]
    return plan, WeightReport(
        path=path,
        source_format=translation.source_format,
        loaded=tuple(loaded),
        missing=tuple(name for name in target if name not in plan and not _is_counter(name)),
        unexpected=tuple(name for name in plan if name not in target),
        mismatched=tuple(other_classes),
        left_out=translation.left_out,
    )


def _faults(
    model: SegmentationModel,
    target: Tensors,
    plan: dict[str, torch.Tensor],
    report: WeightReport,
) -> list[str]:
    backbone = [name for name in target if not model.is_head(name) and not _is_counter(name)]
    lacking = [name for name in report.missing if not model.is_head(name)]
    shapes = [
        name
        for name in plan
        if name in target
        and plan[name].shape != target[name].shape
        and name not in report.mismatched
    ]
    # A deeper network of the same family holds all our names and more.
    parts = {name.split(".", 1)[0] for name in backbone}
    extra = [
        name
        for name in report.unexpected
        if name.split(".", 1)[0] in parts and name.endswith(_PARAMETER_LEAVES)
    ]
    faults = []
    if lacking:
        faults.append(f"{len(lacking)} tensors are missing ({_some(lacking)})")
    if shapes:
        shown = shapes[0]
        faults.append(
            f"{len(shapes)} have another shape ({shown}: {tuple(plan[shown].shape)} in the file, "
            f"{tuple(target[shown].shape)} in the network)"
        )
    if extra:
        faults.append(f"{len(extra)} are unknown ({_some(extra)})")
    if faults:
        fitting = len(set(report.loaded).intersection(backbone))
        faults.insert(0, f"{fitting} of {len(backbone)} backbone tensors match")
    return faults


def _is_other_class_count(
    model: SegmentationModel, name: str, found: torch.Tensor, wanted: torch.Tensor
) -> bool:
    return (
        model.is_head(name)
        and found.ndim == wanted.ndim > 0
        and found.shape[0] != wanted.shape[0] == model.num_classes
        and found.shape[1:] == wanted.shape[1:]
    )


def _other_model(model: SegmentationModel, tensors: Tensors) -> str | None:
    """Name another network of the catalog that the file fits."""
    for name, build in MODELS.items():
        if name == model.name:
            continue
        with torch.device("meta"):
            other = build(model.num_classes)
        target = other.state_dict()
        plan, report = _match(other, target, tensors, path="")
        if report.loaded and not _faults(other, target, plan, report):
            return f"the file fits {name}: choose that model"
    return None


def _is_counter(name: str) -> bool:
    # Files written before torch 0.4.1 lack these, and torch itself does not ask for them.
    return name.endswith("num_batches_tracked")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _by_part(names: Iterable[str]) -> str:
    counts = Counter(name.split(".", 1)[0] for name in names)
    return ", ".join(f"{part} ({count})" for part, count in counts.items())
