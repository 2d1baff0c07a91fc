"""The manifest of an artifact: it exists if and only if the artifact is complete."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from vstc.artifacts.fingerprint import identity
from vstc.errors import InputError

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_PACKAGES = ("vstc", "torch", "numpy", "h5py", "opencv-python-headless", "opencv-python")


@dataclass(frozen=True)
class InputRef:
    """Something that a command read.

    Attributes:
        role: What the command used it as, such as ``dataset`` or ``teacher``.
        path: Where it lay, as given.
        kind: ``vstc.flow`` and so on, or ``raw`` for files that no command of ours made.
        id: The manifest's id, or a fingerprint of raw files.
    """

    role: str
    path: str
    kind: str
    id: str

    def as_json(self) -> dict[str, str]:
        """Return plain JSON values."""
        return {"role": self.role, "path": self.path, "kind": self.kind, "id": self.id}


def read_manifest(folder: Path, *, kind: str | None = None) -> dict[str, Any]:
    """Read the manifest of a complete artifact.

    Args:
        folder: The artifact.
        kind: The kind that it must be, such as ``vstc.flow``.

    Raises:
        InputError: Missing, incomplete, of another kind, or written by a newer version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise _missing(folder, kind)
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, found_kind = int(manifest["schema_version"]), str(manifest["kind"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"manifest is not readable: {path}: {error}") from error
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}, this vstc reads up to {SCHEMA_VERSION}",
            hint="pip install --upgrade vstc",
        )
    if kind is not None and found_kind != kind:
        raise InputError(f"{folder} is a {found_kind}, but a {kind} is needed here")
    return manifest


def input_ref(role: str, folder: Path, *, kind: str | None = None) -> InputRef:
    """Refer to an artifact as the input of another.

    Raises:
        InputError: As ``read_manifest``.
    """
    manifest = read_manifest(folder, kind=kind)
    return InputRef(role=role, path=str(folder), kind=manifest["kind"], id=manifest["id"])


def artifact_id(
    kind: str,
    config: Mapping[str, Any],
    inputs: Sequence[InputRef],
    outputs: Sequence[Mapping[str, Any]],
) -> str:
    """Hash kind, config, input ids and outputs; paths and times of the inputs do not count."""
    parents = sorted((ref.role, ref.id) for ref in inputs)
    return identity([kind, dict(config), parents, list(outputs)])


def environment() -> dict[str, Any]:
    """Describe versions, machine and source of the running program."""
    versions: dict[str, str] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    torch = sys.modules.get("torch")
    if torch is not None and torch.version.cuda:
        versions["cuda"] = str(torch.version.cuda)
    return {"versions": versions, "git": _git_state(), "host": _host()}


def resume_command(argv: Sequence[str]) -> str:
    """Turn a command, word by word, into the line that goes on with its work."""
    words = [word for word in argv if word not in {"--resume", "--overwrite"}]
    return shlex.join([*words, "--resume"])


def _host() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    gpu = None
    if torch is not None and torch.cuda.is_available():
        gpu = torch.cuda.get_device_name()
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "gpu": gpu,
    }


def _git_state() -> dict[str, Any] | None:
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    try:
        commit = _git(source, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(source, "status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _missing(folder: Path, kind: str | None) -> InputError:
    what = kind or "artifact"
    if not folder.exists():
        return InputError(f"{what} not found: {folder}")
    progress = folder / "progress.json"
    if not progress.is_file():
        return InputError(f"{folder} is not a {what}: it has no {MANIFEST}")
    try:
        argv = json.loads(progress.read_text(encoding="utf-8")).get("command", [])
    except ValueError:
        argv = []
    again = resume_command(argv) if argv else "run its command again with --resume"
    return InputError(f"{what} is incomplete: {folder}", hint=again)
