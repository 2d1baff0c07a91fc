"""The folder that a command writes: refused, resumed or renewed, locked, and complete at last."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vstc.artifacts.atomic import (
    atomic_path,
    atomic_write_bytes,
    atomic_write_json,
    is_partial,
    output_failure,
    remove_partials,
)
from vstc.artifacts.fingerprint import list_outputs
from vstc.artifacts.lock import LOCK, FolderLock
from vstc.artifacts.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    InputRef,
    artifact_id,
    environment,
    read_manifest,
)
from vstc.errors import OutputError
from vstc.options import ExistingOutput

PROGRESS = "progress.json"
_PROGRESS_EVERY_SECONDS = 2.0


class Workspace:
    """An artifact while it is written.

    Attributes:
        path: The folder.
        is_complete: The artifact was finished earlier with the same settings and inputs:
            there is nothing to do.
        is_resumed: Work of an earlier run may lie in the folder.
        manifest: The manifest, once complete; else None.
    """

    def __init__(
        self,
        path: Path,
        *,
        kind: str,
        config: Mapping[str, Any],
        inputs: Sequence[InputRef],
        is_resumed: bool,
        manifest: dict[str, Any] | None,
    ) -> None:
        self.path = path
        self.is_resumed = is_resumed
        self.manifest = manifest
        self._kind = kind
        self._config = dict(config)
        self._inputs = list(inputs)
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._last_progress = 0.0

    @property
    def is_complete(self) -> bool:
        """Tell whether a manifest stands for this folder."""
        return self.manifest is not None

    def atomic(self, name: str) -> AbstractContextManager[Path]:
        """Give a temporary path for the file ``name`` of this artifact."""
        return atomic_path(self.path / name)

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write the file ``name`` of this artifact atomically."""
        atomic_write_bytes(self.path / name, data)

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write the JSON file ``name`` of this artifact atomically."""
        atomic_write_json(self.path / name, value)

    def has(self, name: str) -> bool:
        """Tell whether the file ``name`` is there; since writes are atomic, it is whole."""
        return (self.path / name).is_file()

    def progress(self, done: int, total: int, *, force: bool = False) -> None:
        """Record how far the work is, at most every two seconds unless forced."""
        now = time.monotonic()
        if not force and now - self._last_progress < _PROGRESS_EVERY_SECONDS:
            return
        self._last_progress = now
        atomic_write_json(
            self.path / PROGRESS,
            {
                "kind": self._kind,
                "schema_version": SCHEMA_VERSION,
                "command": command_line(),
                "config": self._config,
                "inputs": [ref.as_json() for ref in self._inputs],
                "started": self._started.isoformat(timespec="seconds"),
                "done": done,
                "total": total,
            },
        )

    def finish(
        self, *, metrics: Mapping[str, Any] | None = None, volatile: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Write the manifest: from here on the artifact is complete.

        Args:
            metrics: A few figures worth seeing in ``vstc info``.
            volatile: Names of outputs that hold timings; they do not enter the id.
        """
        outputs = list_outputs(self.path, volatile=volatile)
        self.manifest = {
            "kind": self._kind,
            "schema_version": SCHEMA_VERSION,
            "id": artifact_id(self._kind, self._config, self._inputs, outputs),
            "command": command_line(),
            "config": self._config,
            "seed": self._config.get("seed"),
            "inputs": [ref.as_json() for ref in self._inputs],
            "outputs": outputs,
            "volatile": sorted(volatile),
            "metrics": dict(metrics or {}),
            "started": self._started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 3),
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            **environment(),
        }
        atomic_write_json(self.path / MANIFEST, self.manifest)
        (self.path / PROGRESS).unlink(missing_ok=True)
        return self.manifest


@contextmanager
def open_artifact(
    output: Path,
    *,
    kind: str,
    config: Mapping[str, Any],
    inputs: Sequence[InputRef] = (),
    existing: ExistingOutput = ExistingOutput.REFUSE,
) -> Iterator[Workspace]:
    """Open the output folder of a command for writing.

    The body must return at once when ``workspace.is_complete``, and call
    ``workspace.finish()`` last. When it fails or is killed, finished files stay for
    ``--resume``.

    Args:
        output: The folder.
        kind: What it will hold, such as ``vstc.flow``.
        config: The resolved settings as plain JSON values.
        inputs: What the command reads.
        existing: What to do when the folder is there already.

    Raises:
        OutputError: The folder exists, is locked, or was begun with other settings or inputs.
    """
    check_output(output, kind=kind, config=config, inputs=inputs, existing=existing)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_failure(output, error) from error
    with FolderLock(output):
        # Again: until the lock was ours, another process may have written here.
        check_output(output, kind=kind, config=config, inputs=inputs, existing=existing)
        if existing is ExistingOutput.OVERWRITE:
            _clear(output)
        manifest = read_manifest(output) if (output / MANIFEST).is_file() else None
        workspace = Workspace(
            output,
            kind=kind,
            config=config,
            inputs=inputs,
            is_resumed=existing is ExistingOutput.RESUME,
            manifest=manifest,
        )
        if manifest is None:
            remove_partials(output)
            workspace.progress(0, 0, force=True)
        yield workspace


def check_output(
    output: Path,
    *,
    kind: str,
    config: Mapping[str, Any],
    inputs: Sequence[InputRef] = (),
    existing: ExistingOutput = ExistingOutput.REFUSE,
) -> None:
    """Refuse an output folder before any work is done; a dry run ends after this.

    Raises:
        OutputError: As ``open_artifact``.
    """
    if output.exists() and not output.is_dir():
        raise OutputError(f"output is a file: {output}", hint="give a folder to -o")
    held = {entry.name for entry in output.iterdir()} if output.is_dir() else set()
    held = {name for name in held if name != LOCK and not is_partial(name)}
    if not held:
        return
    is_ours = bool(held & {MANIFEST, PROGRESS})
    if not is_ours:
        raise OutputError(
            f"{output} is not empty and was not made by vstc", hint="give -o another folder"
        )
    if existing is ExistingOutput.OVERWRITE:
        _refuse_to_delete_inputs(output, inputs)
        _refuse_to_delete_other_kinds(output, kind)
        return
    if existing is ExistingOutput.REFUSE:
        state = "exists" if MANIFEST in held else "was begun but is not complete"
        raise OutputError(
            f"output {state}: {output}",
            hint="add --resume to keep finished work, or --overwrite to start anew",
        )
    _refuse_other_settings(output, kind=kind, config=config, inputs=inputs)


def command_line() -> list[str]:
    """Return the command as it was typed, with the program's short name."""
    return ["vstc", *sys.argv[1:]]


def _refuse_other_settings(
    output: Path, *, kind: str, config: Mapping[str, Any], inputs: Sequence[InputRef]
) -> None:
    name = MANIFEST if (output / MANIFEST).is_file() else PROGRESS
    try:
        old = json.loads((output / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{output / name} is not readable", hint="start anew with --overwrite"
        ) from error
    differing = _differing_keys(old.get("config", {}), config)
    if old.get("kind") != kind:
        differing.append("kind")
    old_ids = {(ref["role"], ref["id"]) for ref in old.get("inputs", [])}
    new_ids = {(ref.role, ref.id) for ref in inputs}
    differing += [f"input {role}" for role in sorted({role for role, _ in old_ids ^ new_ids})]
    if differing:
        raise OutputError(
            f"{output} was begun with other settings: {', '.join(differing)}",
            hint="use the old settings to resume, or --overwrite to start anew",
        )


def _differing_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            keys += _differing_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            keys.append(f"{prefix}{key} ({before!r} then, {after!r} now)")
    return keys


def _refuse_to_delete_inputs(output: Path, inputs: Sequence[InputRef]) -> None:
    for ref in inputs:
        if Path(ref.path).resolve().is_relative_to(output.resolve()):
            raise OutputError(
                f"--overwrite would delete the input {ref.path} ({ref.role})",
                hint="give -o another folder",
            )


def _refuse_to_delete_other_kinds(output: Path, kind: str) -> None:
    """Refuse to lose a training to a mistyped ``-o``; an unreadable record is no obstacle."""
    for name in (MANIFEST, PROGRESS):
        try:
            found = json.loads((output / name).read_text(encoding="utf-8"))["kind"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if found != kind:
            raise OutputError(
                f"--overwrite would delete {output}, which is a {found} and not a {kind}",
                hint="give -o another folder, or delete this one yourself",
            )


def _clear(output: Path) -> None:
    # A kill in the middle must leave a folder that is known as ours, with the settings of what
    # still lies in it: the manifest becomes the progress file, and that goes last.
    if (output / MANIFEST).is_file():
        os.replace(output / MANIFEST, output / PROGRESS)
    for entry in output.iterdir():
        if entry.name in {LOCK, PROGRESS}:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    (output / PROGRESS).unlink(missing_ok=True)
