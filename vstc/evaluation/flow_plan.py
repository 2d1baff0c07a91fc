"""Choose where the flow of an evaluation comes from, and check it before the first frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from vstc.artifacts.manifest import InputRef
from vstc.errors import ConfigError
from vstc.evaluation.flow_sources.cached import FlowCache
from vstc.evaluation.flow_sources.computed import ComputedFlow
from vstc.evaluation.flow_sources.flo_folder import FloFolderFlow
from vstc.evaluation.flow_sources.source import FORWARD_ONLY, ClipFlow, FlowNeeds, FlowSource
from vstc.evaluation.flow_sources.stored import StoredFlow
from vstc.evaluation.groups.base import MetricGroup
from vstc.flow.providers import make_provider
from vstc.formats.dataset import Clip, Dataset

DEFAULT_FLOW_METHOD = "dis-medium"


@dataclass(frozen=True)
class FlowChoice:
    """What the user says about flow; at most one of the first two.

    Attributes:
        stored: Artifact of stored flow, or a folder of .flo files.
        cache: Artifact that keeps what is computed.
        method: Method for flow that is computed; None takes the default.
    """

    stored: Path | None = None
    cache: Path | None = None
    method: str | None = None


@runtime_checkable
class PreparedFlow(Protocol):
    """Flow that has work to do before clips are judged."""

    def prepare(self, workers: int | None) -> None:
        """Compute what is missing."""


class CachedFlow:
    """Flow that is computed into an artifact first and then read from there.

    Args:
        cache: The artifact.
        clips: The clips whose flow is wanted.
        needs: What will be asked for.
        method: The method, for the record.
    """

    def __init__(
        self, cache: FlowCache, clips: Sequence[Clip], needs: FlowNeeds, *, method: str
    ) -> None:
        self._cache = cache
        self._clips = list(clips)
        self._needs = needs
        self._method = method

    def prepare(self, workers: int | None) -> None:
        """Compute what is missing; a killed run goes on where it was."""
        self._cache.fill(self._clips, self._needs, workers=workers)

    def check(self, clips: Sequence[Clip], needs: FlowNeeds = FORWARD_ONLY) -> None:
        """Refuse an artifact that holds something else."""
        self._cache.missing(clips, needs)

    def reference(self) -> None:
        """Refer to nothing: what is computed is no input."""

    @contextmanager
    def open(self, clip: Clip) -> Iterator[ClipFlow]:
        """Open the flow of one clip."""
        with StoredFlow(self._cache.folder).open(clip) as flow:
            yield flow

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""
        return {"source": "cached", "method": self._method}


def plan_flow(
    dataset: Dataset,
    dataset_input: InputRef,
    clips: Iterable[Clip],
    groups: Iterable[MetricGroup],
    choice: FlowChoice,
) -> FlowSource | None:
    """Open the flow that the groups need; None when none of them, or no clip, needs any.

    Args:
        dataset: Where the frames are.
        dataset_input: The data set as an input.
        clips: The clips that are judged.
        groups: The metric groups.
        choice: What the user says.

    Raises:
        ConfigError: Choices that exclude one another, or an unknown method.
        InputError: Stored flow is missing or does not fit.
        OutputError: The cache holds something else.
    """
    _refuse_contradictions(choice)
    moving = [clip for clip in clips if clip.is_consecutive]
    needs = None
    for group in groups:
        if group.flow_needs is not None:
            needs = group.flow_needs if needs is None else needs | group.flow_needs
    if needs is None or not moving:
        return None
    method = choice.method or DEFAULT_FLOW_METHOD
    source: FlowSource
    if choice.stored is not None:
        source = _open_stored(choice.stored, dataset)
    elif choice.cache is not None:
        cache = FlowCache(choice.cache, dataset, reference=dataset_input, method=method)
        source = CachedFlow(cache, moving, needs, method=method)
    else:
        source = ComputedFlow(dataset, make_provider(method))
    source.check(moving, needs)
    return source


def _open_stored(folder: Path, dataset: Dataset) -> FlowSource:
    if folder.is_dir() and next(folder.rglob("*.flo"), None) is not None:
        return FloFolderFlow(folder, dataset)
    return StoredFlow(folder)


def _refuse_contradictions(choice: FlowChoice) -> None:
    if choice.stored is None:
        return
    if choice.method is not None:
        raise ConfigError(
            f"flow is read from {choice.stored}, so a flow method ({choice.method}) has no effect",
            hint="leave out --flow or --flow-method",
        )
    if choice.cache is not None:
        raise ConfigError(
            f"flow is read from {choice.stored}, so nothing is kept in {choice.cache}",
            hint="leave out --flow or --flow-cache",
        )
