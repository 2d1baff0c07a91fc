"""Programs for tests: made with plain torch.export, and changed by hand afterwards."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

CLASSES = 3
ANY_IMAGES = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}


class Coarse(nn.Module):
    """Class scores at half the size of the images."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.enter = nn.Conv2d(3, 4, 3, stride=2, padding=1)
            self.norm = nn.BatchNorm2d(4)
            self.leave = nn.Conv2d(4, classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return class scores (N, K, H/2, W/2)."""
        scores: torch.Tensor = self.leave(torch.relu(self.norm(self.enter(images))))
        return scores


def save(
    module: nn.Module,
    path: Path,
    *images: torch.Tensor,
    sizes: Any = None,
    extra: Mapping[str, str] | None = None,
) -> Path:
    """Export as anybody would."""
    with torch.no_grad():
        program = torch.export.export(
            module, images, dynamic_shapes=None if sizes is None else (sizes,)
        )
    torch.export.save(program, path, extra_files=dict(extra or {}))
    return path


def save_coarse(path: Path, **changes: Any) -> Path:
    """Export ``Coarse`` for images of any size."""
    given = {"sizes": ANY_IMAGES} | changes
    return save(Coarse().eval(), path, torch.rand(2, 3, 20, 26), **given)


def rewrite(
    source: Path,
    path: Path,
    *,
    edit: Callable[[dict[str, Any]], None] | None = None,
    members: Mapping[str, bytes | None] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """Copy a program with another graph or other members; None leaves a member out."""
    changed = dict(members or {})
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(path, "w", compression) as new,
    ):
        root = old.namelist()[0].partition("/")[0]
        for full in old.namelist():
            name = full.partition("/")[2]
            content: bytes | None = old.read(full)
            if name == "models/model.json" and edit is not None:
                program = json.loads(old.read(full))
                edit(program)
                content = json.dumps(program).encode()
            content = changed.pop(name, content)
            if content is not None:
                new.writestr(full, content)
        for name, added in changed.items():
            if added is not None:
                new.writestr(f"{root}/{name}", added)
    return path


def member(path: Path, name: str) -> bytes:
    """Read a member by its name below the root."""
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].partition("/")[0]
        return archive.read(f"{root}/{name}")
