"""Identity of artifacts and of raw data: hashes over canonical JSON and over file lists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vstc.artifacts.atomic import is_partial

HASHED_UP_TO_BYTES = 64 * 1024 * 1024
_BOOKKEEPING = {"manifest.json", "progress.json", ".lock"}


def identity(value: Any) -> str:
    """Hash plain JSON values to 16 hexadecimal digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """Hash the content of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint_files(root: Path, files: Iterable[str]) -> str:
    """Identify raw data by the sorted relative paths and sizes; no content is read.

    Args:
        root: Folder that the paths are relative to.
        files: Relative paths; a missing file counts with size -1.
    """
    digest = hashlib.sha256()
    for name in sorted(files):
        path = root / name
        size = path.stat().st_size if path.is_file() else -1
        digest.update(f"{name}\0{size}\n".encode())
    return digest.hexdigest()[:16]


def list_outputs(folder: Path, *, volatile: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Describe what an artifact holds: files at the top one by one, each subfolder as a whole.

    Args:
        folder: The artifact.
        volatile: Names at the top (timings, logs) that are listed without a hash, because
            they differ between two runs that are otherwise equal.

    Returns:
        Rows {path, bytes, sha256?, files?}. A file above 64 MiB enters by its size alone.
    """
    skipped = set(volatile)
    rows: list[dict[str, Any]] = []
    for entry in sorted(folder.iterdir()):
        if entry.name in _BOOKKEEPING or is_partial(entry.name):
            continue
        row = _describe_folder(entry) if entry.is_dir() else _describe_file(entry)
        if entry.name in skipped:
            row.pop("sha256", None)
            row.pop("bytes", None)
        rows.append(row)
    return rows


def _describe_file(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    row: dict[str, Any] = {"path": path.name, "bytes": size}
    if size <= HASHED_UP_TO_BYTES:
        row["sha256"] = file_sha256(path)
    return row


def _describe_folder(folder: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    count = size_bytes = 0
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or is_partial(path.name):
            continue
        described = _describe_file(path)
        count += 1
        size_bytes += described["bytes"]
        name = path.relative_to(folder).as_posix()
        content = described.get("sha256", "")
        digest.update(f"{name}\0{described['bytes']}\0{content}\n".encode())
    return {
        "path": f"{folder.name}/",
        "files": count,
        "bytes": size_bytes,
        "sha256": digest.hexdigest(),
    }
