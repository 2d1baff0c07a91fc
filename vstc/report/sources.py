"""The artifacts of a report: what they are, what they are called, which run they belong to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vstc.artifacts.lineage import find_input
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref, read_manifest
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import INDEX, dataset_ref
from vstc.report.colors import run_color

CHECKPOINT = "vstc.checkpoint"
DATASET = "vstc.dataset"
PREDICTIONS = "vstc.predictions"
METRICS = "vstc.metrics"
FLOW = "vstc.flow"
INSTANCES = "vstc.instances"
TRIMAPS = "vstc.trimaps"
REFINER = "vstc.refiner"
MERGE = "vstc.merge"
RATES = "vstc.rates"
_OF_A_RUN = (CHECKPOINT, PREDICTIONS, METRICS)


@dataclass(frozen=True)
class Source:
    """An artifact of the report.

    Attributes:
        path: Its folder.
        kind: Its manifest's kind.
        id: Its manifest's id.
        name: What the report calls it; checkpoint, predictions and metrics of one run share it.
        run: Number of the run, which gives the colour.
        manifest: Its manifest; empty for a data set that no command made.
    """

    path: Path
    kind: str
    id: str
    name: str
    run: int
    manifest: Mapping[str, Any]

    @property
    def color(self) -> str:
        """Colour of the run."""
        return run_color(self.run)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The few figures of the manifest."""
        found: Mapping[str, Any] = self.manifest.get("metrics", {})
        return found

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings of the manifest."""
        found: Mapping[str, Any] = self.manifest.get("config", {})
        return found

    def input(self, kind: str) -> Mapping[str, str] | None:
        """Return the first input of a kind, as the manifest tells it."""
        return _input(self.manifest, kind)


def open_sources(
    paths: Sequence[Path], *, names: Mapping[Path, str] | None = None
) -> tuple[Source, ...]:
    """Read the manifests of the artifacts and give every run a name and a number.

    Checkpoint, predictions and metrics that stem from one another are one run. It is called by
    the name given for any of them, else by the folder of its checkpoint, else by its own.

    Args:
        paths: The artifacts; one that is given twice counts once.
        names: Names by artifact.

    Raises:
        InputError: An artifact is missing or incomplete.
        ConfigError: A name is for none of the artifacts, or two runs are called the same.
    """
    unique = list({path.resolve(): path for path in paths}.values())
    named = {path.resolve(): name for path, name in (names or {}).items()}
    for path in names or {}:
        if path.resolve() not in {known.resolve() for known in unique}:
            raise ConfigError(
                f"--name {named[path.resolve()]}={path}: this artifact is not in the report",
                hint=f"add {path} to the artifacts",
            )
    sources = [_open(path) for path in unique]
    keys = _run_keys(sources)
    labels = _run_labels(sources, keys, named)
    numbers = {key: number for number, key in enumerate(dict.fromkeys(k for k in keys if k))}
    return tuple(
        replace(source, name=labels[key], run=numbers[key])
        if key
        else replace(source, name=named.get(source.path.resolve(), source.name))
        for source, key in zip(sources, keys, strict=True)
    )


def source_refs(sources: Sequence[Source]) -> list[InputRef]:
    """Refer to the artifacts as inputs of the report."""
    refs = []
    for number, source in enumerate(sources, start=1):
        role = f"artifact {number}"
        is_data = source.kind == DATASET
        refs.append(dataset_ref(role, source.path) if is_data else input_ref(role, source.path))
    return refs


def parse_names(texts: Sequence[str] | None) -> dict[str, str]:
    """Read ``NAME=ARTIFACT`` texts.

    Returns:
        Artifact by name.

    Raises:
        ConfigError: A text of another form, or a name that is given twice.
    """
    names: dict[str, str] = {}
    for text in texts or ():
        name, separator, path = text.partition("=")
        name = name.strip()
        if not (separator and name and path):
            raise ConfigError(
                f"--name {text} is not NAME=ARTIFACT", hint="for instance --name baseline=runs/eval"
            )
        if names.get(name, path) != path:
            raise ConfigError(f"--name {name} stands for {names[name]} and {path}")
        names[name] = path
    return names


def read_json(path: Path) -> Any:
    """Read a JSON file of an artifact.

    Raises:
        InputError: Missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable: {error}") from error


def _open(path: Path) -> Source:
    is_bare = not (path / MANIFEST).is_file() and not (path / "progress.json").is_file()
    name = path.resolve().name
    if is_bare and (path / INDEX).is_file():
        ref = dataset_ref("dataset", path)
        return Source(path=path, kind=DATASET, id=ref.id, name=name, run=0, manifest={})
    manifest = read_manifest(path)
    return Source(
        path=path, kind=manifest["kind"], id=manifest["id"], name=name, run=0, manifest=manifest
    )


def _input(manifest: Mapping[str, Any], kind: str) -> Mapping[str, str] | None:
    refs: list[Mapping[str, str]] = manifest.get("inputs", [])
    return next((ref for ref in refs if ref["kind"] == kind), None)


def _checkpoint_of(source: Source) -> Mapping[str, str] | None:
    """Find the checkpoint that predictions, or the predictions behind metrics, came from."""
    if source.kind == PREDICTIONS:
        return source.input(CHECKPOINT)
    ref = source.input(PREDICTIONS)
    place = find_input(source.path, ref["path"]) if ref else None
    if place is None or not (place / MANIFEST).is_file():
        return None
    return _input(read_manifest(place), CHECKPOINT)


def _run_keys(sources: Sequence[Source]) -> list[str]:
    """Give every artifact the key of its run; empty for what belongs to no run."""
    keys: list[str] = []
    by_checkpoint: dict[str, set[str]] = {}
    for source in sources:
        ref = source.input(PREDICTIONS) if source.kind == METRICS else None
        key = ref["id"] if ref else source.id
        keys.append(key if source.kind in _OF_A_RUN else "")
        checkpoint = _checkpoint_of(source) if source.kind in _OF_A_RUN[1:] else None
        if checkpoint:
            by_checkpoint.setdefault(checkpoint["id"], set()).add(key)
    for place, source in enumerate(sources):
        users = by_checkpoint.get(source.id, set())
        if source.kind == CHECKPOINT and len(users) == 1:
            keys[place] = next(iter(users))
    return keys


def _run_labels(
    sources: Sequence[Source], keys: Sequence[str], named: Mapping[Path, str]
) -> dict[str, str]:
    given: dict[str, str] = {}
    proposed: dict[str, list[str]] = {}
    for source, key in zip(sources, keys, strict=True):
        if not key:
            continue
        if source.path.resolve() in named:
            given.setdefault(key, named[source.path.resolve()])
        checkpoint = _checkpoint_of(source) if source.kind in _OF_A_RUN[1:] else None
        names = proposed.setdefault(key, [])
        if source.kind == CHECKPOINT:
            names.insert(0, source.name)
        elif checkpoint:
            names.insert(0, Path(checkpoint["path"]).name)
        names.append(source.name)
        names.append("/".join(source.path.resolve().parts[-2:]))
        names.append(str(source.path))
    labels = {key: given[key] for key in given}
    twice = [name for name, count in Counter(labels.values()).items() if count > 1]
    if twice:
        raise ConfigError(f"two runs are called {twice[0]}", hint="give each its own --name")
    return labels | _unique_names({k: v for k, v in proposed.items() if k not in labels}, labels)


def _unique_names(
    proposed: Mapping[str, Sequence[str]], taken: Mapping[str, str]
) -> dict[str, str]:
    """Choose for every run its first proposed name that no other run could mean."""
    claims = Counter(name for names in proposed.values() for name in set(names))
    claims.update(taken.values())
    return {
        key: next((name for name in names if claims[name] == 1), names[-1])
        for key, names in proposed.items()
    }
