"""Tell what an exported program is, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vstc.inference.programs.archive import read_archive
from vstc.inference.programs.model import ProgramModel
from vstc.inference.programs.reading import describe, load_program


def summarize(path: Path) -> dict[str, Any]:
    """Return the facts of an exported program as plain values.

    Raises:
        InputError: As ``load_program``.
    """
    trained = load_program(path)
    model = trained.model
    assert isinstance(model, ProgramModel)
    archive = read_archive(path)
    described = describe(archive)
    facts: dict[str, Any] = {
        "kind": "exported program",
        "file": str(path),
        "bytes": path.stat().st_size,
        "torch": archive.torch_version,
        "input": str(model.dtype).removeprefix("torch."),
        "batch": str(model.batch),
        "height": str(model.height),
        "width": str(model.width),
        "classes": [entry.name for entry in trained.table.classes],
        "is_described": described is not None,
        "input_scale": trained.input_scale,
    }
    if described is not None:
        facts["pixels"] = described.pixels.model_dump(mode="json")
        facts["source"] = described.source and described.source.model_dump(mode="json")
    return facts
