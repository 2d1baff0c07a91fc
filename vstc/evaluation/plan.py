"""Open and check everything that an evaluation reads, before the first frame is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import InputRef
from vstc.errors import ConfigError, InputError
from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.flow_sources.computed import ComputedFlow
from vstc.evaluation.flow_sources.source import FlowSource
from vstc.evaluation.flow_sources.stored import StoredFlow
from vstc.evaluation.groups.base import MetricGroup
from vstc.evaluation.groups.catalog import make_groups
from vstc.evaluation.label_sources.folder import FolderLabels
from vstc.evaluation.label_sources.truth import DatasetLabels
from vstc.evaluation.settings import DEFAULT_FLOW_METHOD, EvaluateSettings
from vstc.flow.providers import make_provider
from vstc.formats.dataset import Clip, Dataset, dataset_ref, load_dataset

TRUE_LABELS = "labels"


@dataclass(frozen=True)
class EvaluationPlan:
    """Everything that is known and checked before the first frame is read.

    Attributes:
        dataset: The data set.
        clips: The clips that are judged.
        judge: Judges a clip.
        settings: The settings, every default filled in.
        inputs: What is read.
        protocol: How scores are made, for the record.
    """

    dataset: Dataset
    clips: tuple[Clip, ...]
    judge: ClipJudge
    settings: EvaluateSettings
    inputs: tuple[InputRef, ...]
    protocol: dict[str, Any]

    @property
    def num_frames(self) -> int:
        """Frames of all clips."""
        return sum(len(clip.frames) for clip in self.clips)


def plan_evaluation(
    predictions: str, dataset_path: Path, *, flow: Path | None, settings: EvaluateSettings
) -> EvaluationPlan:
    """Open the inputs of an evaluation.

    Args:
        predictions: A folder with ``<clip>/<frame>.png``, or ``labels`` for the true labels.
        dataset_path: The data set.
        flow: Artifact of stored flow; None computes flow on the fly.
        settings: The settings.

    Raises:
        ConfigError: Stored flow and a flow method were both given, or an unknown method.
        InputError: An input is missing, incomplete or does not fit.
    """
    if flow is not None and settings.flow_method is not None:
        raise ConfigError(
            f"flow is read from {flow}, so a flow method ({settings.flow_method}) has no effect",
            hint="leave out --flow or --flow-method",
        )
    dataset = load_dataset(dataset_path)
    inputs = [dataset_ref("dataset", dataset_path)]
    clips = dataset.select(settings.split)
    source: DatasetLabels | FolderLabels = DatasetLabels(dataset)
    if predictions != TRUE_LABELS:
        source = FolderLabels(Path(predictions), dataset)
        inputs.append(source.reference())
        clips = _splits_with_predictions(clips, source, predictions)
    clips = clips[: settings.limit]
    _refuse_missing_clips(clips, source, predictions)
    groups = make_groups(dataset, settings)
    flow_source: FlowSource | None = None
    moving = [clip for clip in clips if clip.is_consecutive]
    if any(group.needs_flow for group in groups.values()) and moving:
        if flow is not None:
            flow_source = stored = StoredFlow(flow)
            stored.check(moving)
            inputs.append(stored.reference())
        else:
            method = settings.flow_method or DEFAULT_FLOW_METHOD
            settings = settings.model_copy(update={"flow_method": method})
            flow_source = ComputedFlow(dataset, make_provider(method))
    judge = ClipJudge(
        dataset,
        source,
        groups=groups,
        flow=flow_source,
        resize_predictions=settings.resize_predictions,
    )
    return EvaluationPlan(
        dataset=dataset,
        clips=tuple(clips),
        judge=judge,
        settings=settings,
        inputs=tuple(inputs),
        protocol=_protocol(
            dataset, clips, settings=settings, groups=groups.values(), flow=flow_source
        ),
    )


def _splits_with_predictions(
    clips: Sequence[Clip], source: FolderLabels, predictions: str
) -> list[Clip]:
    """Keep the splits of which at least one clip was predicted."""
    splits = {clip.split for clip in clips if source.available(clip)}
    if not splits:
        raise InputError(
            f"{predictions} holds no prediction for any of {len(clips)} clips",
            hint=f"files must be named like {clips[0].id}/{clips[0].frame_names[0]}.png",
        )
    return [clip for clip in clips if clip.split in splits]


def _refuse_missing_clips(
    clips: Sequence[Clip], source: DatasetLabels | FolderLabels, predictions: str
) -> None:
    if isinstance(source, DatasetLabels):
        return
    missing = [clip.id for clip in clips if not source.available(clip)]
    if missing:
        raise InputError(
            f"{predictions} lacks {len(missing)} of {len(clips)} clips, the first is {missing[0]}",
            hint="finish them with vstc predict --resume, or choose clips with --split or --limit",
        )


def _protocol(
    dataset: Dataset,
    clips: Sequence[Clip],
    *,
    settings: EvaluateSettings,
    groups: Iterable[MetricGroup],
    flow: FlowSource | None,
) -> dict[str, Any]:
    protocol: dict[str, Any] = {
        "metrics": list(settings.metrics),
        "excluded": list(settings.exclude),
        "void": [entry.name for entry in dataset.record.classes if entry.ignore],
        "ignore_index": dataset.ignore_index,
        "label_source": dataset.record.label_source,
        "splits": list(dict.fromkeys(clip.split for clip in clips)),
        "resize_predictions": "nearest" if settings.resize_predictions else None,
        "tc": None,
    }
    for group in groups:
        protocol |= group.protocol()
    if protocol["tc"] is not None:
        protocol["tc"] = protocol["tc"] | {"flow": flow.describe()} if flow else None
    return protocol
