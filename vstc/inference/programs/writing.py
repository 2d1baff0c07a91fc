"""Write a trained network as an exported program, and prove that the file says the same."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from vstc.artifacts.atomic import atomic_path
from vstc.errors import CheckFailed, InputError, SetupError
from vstc.inference.checkpoint import TrainedNetwork
from vstc.inference.programs.archive import DESCRIPTION, read_archive
from vstc.inference.programs.description import (
    CALLING,
    Pixels,
    ProgramDescription,
    ProgramSource,
)
from vstc.inference.programs.graph import ProgramGraph
from vstc.models.folding import fold_batch_norms
from vstc.models.resize import FullSizeLogits
from vstc.models.segmentation_model import SegmentationModel, SizeRule

# Of the largest score; kernels of another memory layout add up in another order.
LARGEST_DIFFERENCE = 1e-3
OLDEST_TORCH = (2, 9)
_EXTRA = DESCRIPTION.removeprefix("extra/")


@dataclass(frozen=True)
class ExportReport:
    """How a written program compares with the network, on random images.

    Attributes:
        path: The file.
        bytes: Its size.
        images: Shape of the random images, (N, 3, H, W).
        largest_difference: Of all scores.
        largest_score: The largest magnitude of a score, for comparison.
        same_labels: Share of pixels with the same best class, in [0, 1].
    """

    path: str
    bytes: int
    images: tuple[int, ...]
    largest_difference: float
    largest_score: float
    same_labels: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"images": list(self.images)}


def describe_trained(trained: TrainedNetwork, source: ProgramSource) -> ProgramDescription:
    """Describe what ``write_program`` will write."""
    convention = trained.model.convention
    return ProgramDescription(
        classes=trained.table.classes,
        ignore_index=trained.table.ignore_index,
        input_scale=trained.input_scale,
        pixels=Pixels(
            order=convention.order, mean=convention.mean, std=convention.std, is_inside=True
        ),
        calling=CALLING,
        source=source,
    )


def write_program(
    model: SegmentationModel,
    path: Path,
    description: ProgramDescription,
    *,
    size: tuple[int, int] | None = None,
) -> ExportReport:
    """Export a network, check the file against the network, and only then give it its name.

    The program takes RGB uint8 images (N, 3, H, W) and returns float32 scores (N, K, H, W); the
    normalisation and the way to the network's grid and back are inside.

    Args:
        model: The network; of a copy the auxiliary heads are dropped and the batch norms folded,
            as where vstc runs it itself.
        path: The file to write.
        description: What the file says of itself.
        size: The only height and width that it takes; None takes any.

    Raises:
        SetupError: This version of torch is too old.
        InputError: The network cannot be exported for all sizes.
        CheckFailed: The file says something else than the network.
        OutputError: The disk is full or the folder cannot be written.
    """
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < OLDEST_TORCH:
        raise SetupError(
            f"torch {torch.__version__} stores weights of programs as pickles",
            hint="pip install 'torch>={}.{}'".format(*OLDEST_TORCH),
        )
    view = FullSizeLogits(fold_batch_norms(model.eval()))
    program = _export(view, size)
    text = json.dumps(description.as_json(), indent=2, sort_keys=True)
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={_EXTRA: text})
    with atomic_path(path) as partial:
        partial.write_bytes(buffer.getbuffer())
        images = _random_images(*_check_shape(model.size_rule, size))
        return _compare(view, images, partial, path)


def _export(view: FullSizeLogits, size: tuple[int, int] | None) -> torch.export.ExportedProgram:
    # Sides that lie on no grid: a size that fits would be taken for a rule.
    sides = size or _off_grid(view.rule, (4, 5))
    free = {0: Dim.DYNAMIC} if size else {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    try:
        with torch.no_grad():
            return torch.export.export(
                view, (_random_images(2, *sides),), dynamic_shapes=({**free},)
            )
    # torch raises classes of its own, ValueError, RuntimeError and more.
    except Exception as error:
        if size is not None:
            raise
        raise InputError(
            f"{view.model.name} cannot be exported for images of all sizes: "
            f"{str(error).partition(chr(10))[0]}",
            hint="give the one size that you need: --size HEIGHTxWIDTH",
        ) from error


def _check_shape(rule: SizeRule, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """Return batch, height and width that differ from those of the export, where they may."""
    return (1, *(size or _off_grid(rule, (6, 3))))


def _off_grid(rule: SizeRule, cells: tuple[int, int]) -> tuple[int, int]:
    return (rule.multiple * cells[0] + rule.offset + 3, rule.multiple * cells[1] + rule.offset + 2)


def _random_images(batch: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def _compare(view: FullSizeLogits, images: torch.Tensor, written: Path, path: Path) -> ExportReport:
    expected = view(images)
    found = ProgramGraph(read_archive(written))(images)
    same = (found.argmax(dim=1) == expected.argmax(dim=1)).double().mean()
    report = ExportReport(
        path=str(path),
        bytes=written.stat().st_size,
        images=tuple(images.shape),
        largest_difference=float((found - expected).abs().max()),
        largest_score=float(expected.abs().max()),
        same_labels=float(same),
    )
    # Written so that nan fails too.
    if not report.largest_difference <= LARGEST_DIFFERENCE * max(report.largest_score, 1.0):
        raise CheckFailed(
            f"the exported program differs from the network by {report.largest_difference:.3g} "
            f"where scores go up to {report.largest_score:.3g}; {path} was not written",
            hint="please report it with the output of `vstc info`",
        )
    return report
