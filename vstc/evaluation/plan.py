"""Open and check everything that an evaluation reads, before the first frame is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import MANIFEST, InputRef, read_manifest
from vstc.config import Settings
from vstc.errors import InputError
from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.flow_plan import DEFAULT_FLOW_METHOD, FlowChoice, plan_flow
from vstc.evaluation.flow_sources.source import FlowSource
from vstc.evaluation.groups.base import MetricGroup
from vstc.evaluation.groups.catalog import distance_groups, make_groups
from vstc.evaluation.label_sources.opening import TRUE_LABELS, open_label_source
from vstc.evaluation.label_sources.source import OpenedSource
from vstc.evaluation.propagated import propagation_flow_methods
from vstc.evaluation.settings import EvaluateSettings, Metric
from vstc.formats.dataset import Clip, Dataset, dataset_ref, load_dataset


@dataclass(frozen=True)
class EvaluationPlan:
    """Everything that is known and checked before the first frame is read.

    Attributes:
        dataset: The data set.
        clips: The clips that are judged.
        judge: Judges a clip.
        flow: Flow for the groups that need it.
        settings: The settings, every default filled in.
        inputs: What is read.
        protocol: How scores are made, for the record.
    """

    dataset: Dataset
    clips: tuple[Clip, ...]
    judge: ClipJudge
    flow: FlowSource | None
    settings: Settings
    inputs: tuple[InputRef, ...]
    protocol: dict[str, Any]

    @property
    def num_frames(self) -> int:
        """Frames of all clips."""
        return sum(len(clip.frames) for clip in self.clips)


def plan_evaluation(
    predictions: str,
    dataset_path: Path,
    *,
    settings: EvaluateSettings,
    flow: Path | None = None,
    flow_cache: Path | None = None,
    device: str = "auto",
) -> EvaluationPlan:
    """Open the inputs of an evaluation.

    Args:
        predictions: A folder of predictions, a checkpoint, or ``labels`` for the true labels.
        dataset_path: The data set.
        settings: The settings.
        flow: Artifact of stored flow, or a folder of .flo files; None computes flow.
        flow_cache: Artifact that keeps computed flow.
        device: Where a checkpoint runs.

    Raises:
        ConfigError: Settings that contradict one another, or an unknown name.
        InputError: An input is missing, incomplete or does not fit.
    """
    dataset = load_dataset(dataset_path)
    inputs: list[InputRef | None] = [dataset_ref("dataset", dataset_path)]
    clips = dataset.select(settings.split)
    source = open_label_source(
        predictions,
        dataset,
        format=settings.format,
        device=device,
        resize=settings.resize_predictions,
    )
    inputs.append(source.reference())
    if predictions != TRUE_LABELS:
        clips = _splits_with_predictions(clips, source, predictions)
    clips = clips[: settings.limit]
    if predictions != TRUE_LABELS:
        _refuse_missing_clips(clips, source, predictions)
    groups = make_groups(dataset, settings)
    if Metric.MIOU in settings.metrics and predictions != TRUE_LABELS:
        groups |= distance_groups(Path(predictions), dataset, clips, settings)
    choice = FlowChoice(stored=flow, cache=flow_cache, method=settings.flow_method)
    flow_source = plan_flow(
        dataset, dataset_ref("dataset", dataset_path), clips, groups.values(), choice
    )
    if flow_source is not None:
        inputs.append(flow_source.reference())
        if flow is None and settings.flow_method is None:
            settings = settings.model_copy(update={"flow_method": DEFAULT_FLOW_METHOD})
    judge = ClipJudge(
        dataset,
        source,
        groups=groups,
        flow=flow_source,
        resize_predictions=settings.resize_predictions,
        strays=source.strays,
    )
    protocol = _protocol(
        dataset, clips, settings=settings, groups=groups.values(), flow=flow_source
    )
    described = source.describe()
    if settings.resize_predictions:
        protocol["resize_predictions"] = described.get("resize_scores") or "nearest"
    return EvaluationPlan(
        dataset=dataset,
        clips=tuple(clips),
        judge=judge,
        flow=flow_source,
        settings=settings,
        inputs=tuple(ref for ref in inputs if ref is not None),
        protocol=protocol
        | {"predictions": described, "propagated_with": _propagation(predictions)},
    )


def _propagation(predictions: str) -> list[str]:
    """Return the flow methods that predictions were propagated with."""
    folder = Path(predictions)
    if predictions == TRUE_LABELS or not (folder / MANIFEST).is_file():
        return []
    return list(propagation_flow_methods(read_manifest(folder)))


def _splits_with_predictions(
    clips: Sequence[Clip], source: OpenedSource, predictions: str
) -> list[Clip]:
    """Keep the splits of which at least one clip was predicted."""
    splits = {clip.split for clip in clips if source.available(clip)}
    if not splits:
        raise InputError(
            f"{predictions} holds no prediction for any of {len(clips)} clips",
            hint=f"files must be named like {clips[0].id}/{clips[0].frame_names[0]}.png",
        )
    return [clip for clip in clips if clip.split in splits]


def _refuse_missing_clips(clips: Sequence[Clip], source: OpenedSource, predictions: str) -> None:
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
        "resize_predictions": None,
        "tc": None,
    }
    for group in groups:
        protocol |= group.protocol()
    if protocol["tc"] is not None:
        protocol["tc"] = protocol["tc"] | {"flow": flow.describe()} if flow else None
    return protocol
