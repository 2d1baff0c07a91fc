"""Plan an evaluation of trimaps: what is read and computed, checked before any work is done.

The plan is one of ``vstc.evaluation``: a trimap is a label map of three classes, and sequences
are judged, kept, resumed and shared by threads and processes as clips are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import InputRef
from vstc.data.index.classes import encoded_table
from vstc.errors import ConfigError, unknown_name
from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.flow_plan import DEFAULT_FLOW_METHOD, FlowChoice, plan_flow
from vstc.evaluation.groups.base import MetricGroup
from vstc.evaluation.groups.consistency import ConsistencyGroup
from vstc.evaluation.plan import EvaluationPlan
from vstc.evaluation.trimaps.closed_form import require_matting
from vstc.evaluation.trimaps.flow import FlowOfClips
from vstc.evaluation.trimaps.inputs import TrimapInputs, TrimapPaths, open_inputs
from vstc.evaluation.trimaps.iou import TrimapIouGroup
from vstc.evaluation.trimaps.labels import TrimapLabels
from vstc.evaluation.trimaps.mattes import ALPHAS, MattingGroup
from vstc.evaluation.trimaps.outline import outline_groups
from vstc.evaluation.trimaps.settings import IMAGE, UNKNOWN, TrimapMetric, TrimapSettings
from vstc.evaluation.trimaps.truths import Truths
from vstc.formats.dataset import Clip, Dataset, DatasetRecord
from vstc.formats.frames import FrameReader
from vstc.formats.label_encoding import LabelEncoding
from vstc.metrics.consistency_protocol import ConsistencyProtocol

NUM_CLASSES = 3
_NEEDS = {
    TrimapMetric.IOU: "--truth NAME=FOLDER",
    TrimapMetric.TC: "--frames FOLDER",
    TrimapMetric.MATTING: "--frames FOLDER",
}


def plan_trimaps(paths: TrimapPaths, output: Path, settings: TrimapSettings) -> EvaluationPlan:
    """Open the inputs of an evaluation of trimaps.

    Args:
        paths: What is read.
        output: The artifact to be; mattes are written into it while it is made.
        settings: The settings.

    Raises:
        ConfigError: Settings that contradict one another or the inputs, or an unknown name.
        InputError: An input is missing, incomplete or does not fit.
        SetupError: Matting is asked for without pymatting.
    """
    metrics = _metrics(paths, settings)
    if TrimapMetric.MATTING in metrics:
        _refuse_region(paths, settings.region)
        require_matting()
    inputs = open_inputs(paths, settings)
    if settings.metrics is None:
        metrics = _not_over_time(inputs, metrics)
    settings = settings.model_copy(update={"metrics": metrics})
    dataset = _dataset(inputs.name, [sequence.clip for sequence in inputs.sequences])
    groups = _groups(inputs, paths, dataset, settings, output=output)
    flow = _flow(inputs, groups.values(), paths, settings)
    references: list[InputRef | None] = [*inputs.references]
    if flow is not None:
        references.append(flow.reference())
        if paths.flow is None and settings.flow_method is None:
            settings = settings.model_copy(update={"flow_method": DEFAULT_FLOW_METHOD})
    labels = TrimapLabels(
        {sequence.clip.id: sequence.files for sequence in inputs.sequences},
        {sequence.clip.id: sequence.size for sequence in inputs.sequences},
    )
    return EvaluationPlan(
        dataset=dataset,
        clips=tuple(dataset.clips),
        judge=ClipJudge(dataset, labels, groups=groups, flow=flow, strays=labels.strays),
        flow=flow,
        settings=settings,
        inputs=tuple(ref for ref in references if ref is not None),
        protocol=_protocol(metrics, groups.values(), flow) | {"predictions": labels.describe()},
    )


def _metrics(paths: TrimapPaths, settings: TrimapSettings) -> tuple[TrimapMetric, ...]:
    """Return what is computed; refuse what the inputs do not allow."""
    has = {
        TrimapMetric.IOU: bool(paths.truths),
        TrimapMetric.TC: paths.frames is not None,
        TrimapMetric.TSB: True,
        TrimapMetric.MATTING: paths.frames is not None,
    }
    if settings.metrics is None:
        chosen = tuple(metric for metric in TrimapMetric if has[metric])
        if paths.alpha is None:
            chosen = tuple(metric for metric in chosen if metric is not TrimapMetric.MATTING)
        elif paths.frames is None:
            raise ConfigError("mattes for --alpha need the frames", hint="add --frames FOLDER")
    else:
        chosen = settings.metrics
    for metric in chosen:
        if not has[metric]:
            raise ConfigError(f"metric {metric} needs more inputs", hint=f"add {_NEEDS[metric]}")
    if (paths.flow or paths.flow_cache) and TrimapMetric.TC not in chosen:
        raise ConfigError("flow is for tc, which is not computed", hint="leave it out")
    return chosen


def _not_over_time(
    inputs: TrimapInputs, metrics: tuple[TrimapMetric, ...]
) -> tuple[TrimapMetric, ...]:
    """Leave out what compares neighbouring frames where all sequences are single images."""
    if any(len(sequence.files) > 1 for sequence in inputs.sequences):
        return metrics
    left = tuple(m for m in metrics if m not in (TrimapMetric.TC, TrimapMetric.TSB))
    if not left:
        raise ConfigError(
            "single trimaps without truth have nothing to be judged by",
            hint="add --truth NAME=FOLDER, or --alpha and --frames",
        )
    return left


def _refuse_region(paths: TrimapPaths, region: str) -> None:
    known = [IMAGE, UNKNOWN, *paths.truths]
    if region not in known:
        raise unknown_name("region of mattes", region, known)


def _dataset(name: str, clips: Collection[Clip]) -> Dataset:
    table = encoded_table(LabelEncoding.TRIMAPS)
    assert table is not None
    record = DatasetRecord(
        name=name,
        root=".",
        classes=list(table.classes),
        ignore_index=table.ignore_index,
        label_encoding=LabelEncoding.TRIMAPS,
        clips=list(clips),
    )
    return Dataset(record, Path())


def _groups(
    inputs: TrimapInputs,
    paths: TrimapPaths,
    dataset: Dataset,
    settings: TrimapSettings,
    *,
    output: Path,
) -> dict[str, MetricGroup]:
    wanted, truths = settings.metrics or (), Truths(inputs.sequences)
    groups: dict[str, MetricGroup] = {}
    if TrimapMetric.IOU in wanted:
        groups["iou"] = TrimapIouGroup(tuple(paths.truths), truths.trimaps)
    if TrimapMetric.TC in wanted:
        tc = settings.tc
        choices = ConsistencyProtocol(
            mode=tc.mode, border=tc.border, direction=tc.direction, occlusion=tc.occlusion
        )
        groups["tc"] = ConsistencyGroup(NUM_CLASSES, choices=choices)
    if TrimapMetric.TSB in wanted:
        groups |= outline_groups(settings.tsb)
    if TrimapMetric.MATTING in wanted:
        groups["matting"] = MattingGroup(
            read_frame=FrameReader(dataset).read,
            read_alpha=truths.alpha,
            find_region=partial(truths.region, settings.region),
            region=settings.region,
            folder=output / ALPHAS,
        )
    return groups


def _flow(
    inputs: TrimapInputs,
    groups: Iterable[MetricGroup],
    paths: TrimapPaths,
    settings: TrimapSettings,
) -> FlowOfClips | None:
    """Open flow of the clips that the sequences are from; None where nothing needs it."""
    sources = {s.clip.id: s.source for s in inputs.sequences if s.source is not None}
    clips = {clip.id: clip for clip in sources.values()}
    record = DatasetRecord(name="frames", root=".", classes=[], clips=list(clips.values()))
    frames = Dataset(record, Path())
    choice = FlowChoice(paths.flow, paths.flow_cache, settings.flow_method)
    # As vstc flow precompute names its input, whose artifacts may be such a cache.
    reference = replace(inputs.references[-1], role="dataset")
    source = plan_flow(frames, reference, clips.values(), groups, choice)
    return None if source is None else FlowOfClips(source, sources)


def _protocol(
    metrics: Iterable[TrimapMetric], groups: Iterable[MetricGroup], flow: FlowOfClips | None
) -> dict[str, Any]:
    protocol: dict[str, Any] = {
        "metrics": list(metrics),
        "excluded": [],
        "void": [],
        "label_source": "true",
        "resize_predictions": None,
        "propagated_with": [],
        "tc": None,
    }
    for group in groups:
        protocol |= group.protocol()
    if protocol["tc"] is not None:
        protocol["tc"] = protocol["tc"] | {"flow": flow.describe()} if flow else None
    return protocol
