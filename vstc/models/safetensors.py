"""Read the safetensors format: 8 bytes of header length, a JSON header, raw tensor data."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch

from vstc.errors import InputError

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_LENGTH_BYTES = 8


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read all tensors of a file, in the order of its header.

    Args:
        path: A `.safetensors` file.

    Raises:
        InputError: The file is cut off, or its header does not agree with its data.
    """
    content = bytearray(path.read_bytes())
    header_end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    if len(content) < _LENGTH_BYTES or header_end > len(content):
        raise _damaged(path, f"the header ends at byte {header_end} of {len(content)}")
    try:
        header = json.loads(content[_LENGTH_BYTES:header_end])
    except ValueError as error:
        raise _damaged(path, "the header is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged(path, "the header is not a JSON object")
    header.pop("__metadata__", None)
    data = memoryview(content)[header_end:]
    return {name: _tensor(path, name, entry, data) for name, entry in header.items()}


def _tensor(path: Path, name: str, entry: Any, data: memoryview) -> torch.Tensor:
    try:
        kind, shape, (begin, end) = entry["dtype"], list(entry["shape"]), entry["data_offsets"]
        sound = all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"the entry of {name} is incomplete") from error
    if kind not in _DTYPES:
        raise InputError(
            f"{name} in {path} has the type {kind}, which is not supported",
            hint=f"convert the file to one of: {', '.join(_DTYPES)}",
        )
    dtype, count = _DTYPES[kind], math.prod(shape) if sound else 0
    if not sound or end - begin != count * dtype.itemsize:
        raise _damaged(path, f"the length of {name} does not agree with its shape {shape}")
    if end > len(data):
        raise _damaged(path, f"{name} ends at byte {end} of {len(data)} bytes of data")
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(data[begin:end], dtype=dtype).reshape(shape)


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"cannot read {path}: {reason}", hint="download or copy the file again")
