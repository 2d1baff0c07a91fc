"""The metric groups by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from vstc.errors import ConfigError, unknown_name
from vstc.evaluation.groups.base import MetricGroup
from vstc.evaluation.groups.boundary import BoundaryGroup
from vstc.evaluation.groups.consistency import ConsistencyGroup
from vstc.evaluation.groups.distance import DistanceGroup
from vstc.evaluation.groups.flicker import FlickerGroup
from vstc.evaluation.groups.segmentation import SegmentationGroup
from vstc.evaluation.groups.stability import StabilityGroup
from vstc.evaluation.groups.video_consistency import VideoConsistencyGroup
from vstc.evaluation.settings import EvaluateSettings, Metric
from vstc.formats import propagation_log
from vstc.formats.dataset import Clip, Dataset
from vstc.metrics.consistency_protocol import ConsistencyProtocol

Builder = Callable[[Dataset, EvaluateSettings], MetricGroup]


def make_groups(dataset: Dataset, settings: EvaluateSettings) -> dict[str, MetricGroup]:
    """Make the groups that the settings ask for, in a fixed order.

    Args:
        dataset: The class table.
        settings: Which groups, and their choices.

    Raises:
        ConfigError: A setting names a class that the table does not have.
    """
    wanted = [metric for metric in _BUILDERS if metric in settings.metrics]
    return {metric.value: _BUILDERS[metric](dataset, settings) for metric in wanted}


def distance_groups(
    predictions: Path, dataset: Dataset, clips: Iterable[Clip], settings: EvaluateSettings
) -> dict[str, MetricGroup]:
    """Make the group that scores by distance from the key frame, for propagated predictions.

    Args:
        predictions: Folder of the predictions; propagated ones have a log in each clip's folder.
        dataset: The class table.
        clips: The clips that are judged.
        settings: How classes are averaged.
    """
    if not any((predictions / clip.id / propagation_log.NAME).is_file() for clip in clips):
        return {}

    def distances(clip: Clip) -> dict[int, int]:
        path = predictions / clip.id / propagation_log.NAME
        log = propagation_log.read_propagation_log(path) if path.is_file() else []
        return {entry.index: entry.distance for entry in log}

    group = DistanceGroup(
        dataset.num_classes,
        distances=distances,
        absent=settings.absent,
        excluded=excluded_ids(dataset, settings),
    )
    return {"distance": group}


def class_ids(dataset: Dataset, names: tuple[str, ...], *, setting: str) -> tuple[int, ...]:
    """Look up classes by name or id.

    Args:
        dataset: The class table.
        names: Names, or ids as digits.
        setting: The setting that they stand in, for the error.

    Raises:
        ConfigError: A name that the table does not have, or no class is left.
    """
    by_name = {entry.name: entry.id for entry in dataset.classes}
    by_name |= {str(entry.id): entry.id for entry in dataset.classes}
    for name in names:
        if name not in by_name:
            raise unknown_name(f"class in {setting}", name, [c.name for c in dataset.classes])
    return tuple(sorted({by_name[name] for name in names}))


def excluded_ids(dataset: Dataset, settings: EvaluateSettings) -> tuple[int, ...]:
    """Return the ids of the classes that means leave out.

    Raises:
        ConfigError: An unknown class, or all of them.
    """
    ids = class_ids(dataset, settings.exclude, setting="--exclude")
    if len(ids) == dataset.num_classes:
        raise ConfigError("--exclude leaves no class", hint="name fewer classes")
    return ids


def _segmentation(dataset: Dataset, settings: EvaluateSettings) -> MetricGroup:
    return SegmentationGroup(
        dataset.num_classes, absent=settings.absent, excluded=excluded_ids(dataset, settings)
    )


def _consistency(dataset: Dataset, settings: EvaluateSettings) -> MetricGroup:
    tc = settings.tc
    choices = ConsistencyProtocol(
        mode=tc.mode,
        border=tc.border,
        direction=tc.direction,
        occlusion=tc.occlusion,
        excluded=excluded_ids(dataset, settings),
    )
    return ConsistencyGroup(dataset.num_classes, choices=choices, absent=settings.absent)


def _video_consistency(dataset: Dataset, settings: EvaluateSettings) -> MetricGroup:
    del dataset
    return VideoConsistencyGroup(settings.vc_windows)


def _flicker(dataset: Dataset, settings: EvaluateSettings) -> MetricGroup:
    return FlickerGroup(dataset.num_classes, excluded=excluded_ids(dataset, settings))


def _boundary(dataset: Dataset, settings: EvaluateSettings) -> MetricGroup:
    excluded = excluded_ids(dataset, settings)
    ids = [entry.id for entry in dataset.classes if entry.id not in excluded]
    return BoundaryGroup(dataset.num_classes, class_ids=ids)


def _stability(dataset: Dataset, settings: EvaluateSettings) -> MetricGroup:
    named = class_ids(dataset, settings.tsb.classes, setting="--tsb-classes")
    taken = named or tuple(entry.id for entry in dataset.classes)
    excluded = excluded_ids(dataset, settings)
    return StabilityGroup(
        dataset.num_classes,
        class_ids=[class_id for class_id in taken if class_id not in excluded],
        settings=settings.tsb,
    )


_BUILDERS: dict[Metric, Builder] = {
    Metric.MIOU: _segmentation,
    Metric.TC: _consistency,
    Metric.VC: _video_consistency,
    Metric.FLICKER: _flicker,
    Metric.BOUNDARY: _boundary,
    Metric.TSB: _stability,
}
