"""Read named tensors from a checkpoint of any origin, without running code from it."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vstc.errors import InputError
from vstc.models.safetensors import read_safetensors

_WRAPPERS = ("state_dict", "model_state", "model", "net", "weights")
_PREFIXES = ("module.", "_orig_mod.")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a checkpoint as a flat table of tensors on the CPU.

    The table may lie under `state_dict`, `model_state`, `model`, `net` or, as in checkpoints of
    vstc, `weights`; the prefixes `module.`
    and `_orig_mod.` of wrapped networks are taken off.

    Args:
        path: A `.pth`, `.pt`, `.pth.tar` or `.safetensors` file.

    Returns:
        Tensors by name, in the order of the file.

    Raises:
        InputError: The file is missing, damaged, holds more than tensors and plain values, or
            holds no tensors.
    """
    if not path.is_file():
        raise InputError(f"no such weights file: {path}", hint="check the path")
    try:
        content = read_safetensors(path) if path.suffix == ".safetensors" else _load(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check the file") from error
    table = _unwrapped(content)
    tensors = {_plain_name(name): value for name, value in table.items() if torch.is_tensor(value)}
    if not tensors:
        raise InputError(
            f"no named tensors in {path}",
            hint="the file must hold a state dict, alone or under 'state_dict'",
        )
    return tensors


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL ([\w.]+)", str(error))
        if name is None:
            raise _unreadable(path) from error
        raise InputError(
            f"{path} holds a Python object ({name[1]}) beside tensors; "
            "loading it could run code, so it is refused",
            hint="if you trust its author, load it in Python with weights_only=False and save "
            "its state dict alone with torch.save",
        ) from error
    except (OSError, MemoryError):
        raise
    # torch has no class of its own for damaged files: anything from struct.error to AssertionError.
    except Exception as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> InputError:
    return InputError(
        f"cannot read {path}: it is cut off or is not a PyTorch checkpoint",
        hint="download or copy the file again; .safetensors files need that ending",
    )


def _unwrapped(content: Any) -> Mapping[str, Any]:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _WRAPPERS if key in content), None)
        if not isinstance(inner, Mapping):
            return {str(name): value for name, value in content.items()}
        content = inner
    return {}


def _plain_name(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.split(".", 1)[1]
    return name
