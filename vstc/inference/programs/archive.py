"""Open a ``.pt2`` file as data: its graph is JSON, its weights are raw bytes, nothing is run.

``torch.export.load`` is not made for files of strangers: it unpickles weights, constants and sample
inputs, evaluates text as Python (sizes, guards), and loads compiled libraries. Here none of that
happens. Of the archive only these members are read:
the graph (``models/NAME.json``), raw tensors with their tables (``data/weights``,
``data/constants``), and our description (``extra/vstc.json``).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vstc.errors import InputError

SUFFIX = ".pt2"
DESCRIPTION = "extra/vstc.json"
SCHEMA_MAJOR = 8
# What json and torch raise for contents that are not as they should be.
MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError)
# Numbers of torch._export.serde.schema.ScalarType.
SCALAR_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
_COMPILED = (".so", ".cubin", ".ptx", ".dll", ".dylib", ".o", ".cpp", ".pte")
_AGAIN = "export it again with torch.export.save of torch 2.9 or newer"


@dataclass(frozen=True)
class ProgramArchive:
    """What a ``.pt2`` file holds.

    Attributes:
        path: The file.
        program: The JSON of the exported program.
        tensors: Parameters, buffers and constants by their names, on the CPU.
        description: The JSON text of ``extra/vstc.json``; None in files of other programs.
        torch_version: Version of torch that wrote the file; None if it does not say.
    """

    path: Path
    program: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor]
    description: str | None
    torch_version: str | None


def is_program(path: Path) -> bool:
    """Tell whether a path is meant as an exported program."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def read_archive(path: Path) -> ProgramArchive:
    """Read an exported program as plain data.

    Raises:
        InputError: Missing, damaged, of an unknown version, or holding anything that could only
            be used by running code: pickles, compiled libraries.
    """
    if not path.is_file():
        raise InputError(f"no such exported program: {path}", hint="check the path")
    with _opened(path) as archive:
        members = _members(archive, path)
        name, graph_member = _only_graph(members, path)
        program = json.loads(archive.read(graph_member))
        _check_version(program, path)
        tensors: dict[str, torch.Tensor] = {}
        for kind in ("weights", "constants"):
            if f"data/{kind}/{name}.pt" in members:
                raise _refused(path, f"its {kind} are pickled, as older versions of torch did")
            table = members[f"data/{kind}/{name}_{kind}_config.json"]
            tensors |= _read_tensors(archive, members, json.loads(archive.read(table)), kind, path)
        described = members.get(DESCRIPTION)
        text = None if described is None else archive.read(described).decode()
        version = program.get("torch_version")
        return ProgramArchive(path, program, tensors, text, version and str(version))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, RuntimeError, OverflowError, *MALFORMED) as error:
        raise InputError(
            f"exported program {path} is damaged or is none: {error or type(error).__name__}",
            hint="copy it again, or export it again",
        ) from error


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members by their names below the archive's one folder."""
    members = {}
    for entry in archive.infolist():
        _, has_root, name = entry.filename.partition("/")
        if not has_root:
            raise InputError(f"{path} is no exported program, or of torch before 2.8", hint=_AGAIN)
        if name in members:
            raise _refused(path, f"it holds {name} twice")
        # Also no zip bomb: what is stored is as large as the file.
        if entry.compress_type != zipfile.ZIP_STORED:
            raise _refused(path, f"member {name} is compressed, which torch.export.save never does")
        if name.startswith("data/aotinductor/") or name.lower().endswith(_COMPILED):
            raise _refused(path, f"it holds compiled code, {name}, which is never run")
        members[name] = entry
    if "archive_format" not in members or archive.read(members["archive_format"]) != b"pt2":
        raise InputError(f"{path} is no exported program of torch.export.save", hint=_AGAIN)
    if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
        raise _refused(path, "its numbers are big-endian")
    return members


def _only_graph(members: Mapping[str, zipfile.ZipInfo], path: Path) -> tuple[str, zipfile.ZipInfo]:
    graphs = [name for name in members if name.startswith("models/") and name.endswith(".json")]
    if len(graphs) != 1:
        raise InputError(
            f"{path} holds {len(graphs)} programs, and one is needed",
            hint="save one network alone: torch.export.save(program, path)",
        )
    return graphs[0].removeprefix("models/").removesuffix(".json"), members[graphs[0]]


def _check_version(program: Mapping[str, Any], path: Path) -> None:
    major = program["schema_version"]["major"]
    if major != SCHEMA_MAJOR:
        raise InputError(
            f"{path} has version {major} of torch's export schema; known is {SCHEMA_MAJOR}",
            hint=_AGAIN,
        )


def _read_tensors(
    archive: zipfile.ZipFile,
    members: Mapping[str, zipfile.ZipInfo],
    table: Mapping[str, Any],
    kind: str,
    path: Path,
) -> dict[str, torch.Tensor]:
    """Read the tensors of a table; those that share memory in the file share it here."""
    storages: dict[str, torch.Tensor] = {}
    tensors = {}
    for name, entry in table["config"].items():
        file, meta = str(entry["path_name"]), entry["tensor_meta"]
        if entry["use_pickle"] is not False or meta is None:
            raise _refused(path, f"{kind} {name} is a pickle, which could run code")
        if file not in storages:
            data = bytearray(archive.read(members[f"data/{kind}/{file}"]))
            storages[file] = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0)
        dtype = SCALAR_TYPES[meta["dtype"]]
        sizes = [_number(size) for size in meta["sizes"]]
        strides = [_number(stride) for stride in meta["strides"]]
        flat = storages[file].view(dtype) if storages[file].numel() else torch.empty(0, dtype=dtype)
        # torch refuses a view that leaves its memory.
        tensors[name] = flat.as_strided(sizes, strides, _number(meta["storage_offset"]))
    return tensors


def _number(size: Mapping[str, Any]) -> int:
    value: int = size["as_int"]
    if type(value) is not int or value < 0:
        raise ValueError(f"{value} is no size")
    return value


def _refused(path: Path, reason: str) -> InputError:
    return InputError(f"exported program {path} is not loaded: {reason}", hint=_AGAIN)
