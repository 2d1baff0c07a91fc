"""Validation during training, with the judge and the metrics of ``vstc evaluate``."""

from __future__ import annotations

from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.evaluate import evaluate_predictions
from vstc.evaluation.flow_sources.source import FlowSource
from vstc.evaluation.groups.catalog import make_groups
from vstc.evaluation.settings import EvaluateSettings, Metric
from vstc.formats.dataset import Clip, Dataset
from vstc.inference.live_labels import LiveLabels
from vstc.inference.network import FrameNetwork
from vstc.training.loop import Scores


def validate(
    network: FrameNetwork, dataset: Dataset, clips: list[Clip], *, flow: FlowSource | None
) -> Scores:
    """Measure a network on clips, every frame alone.

    Args:
        network: The network.
        dataset: The data set of the clips.
        clips: Validation clips.
        flow: Flow for TC; None leaves TC out.

    Returns:
        miou, macc, aacc and tc in [0, 1]; None where nothing could be measured.
    """
    metrics = (Metric.MIOU, Metric.TC) if flow is not None else (Metric.MIOU,)
    groups = make_groups(dataset, EvaluateSettings(metrics=metrics))
    judge = ClipJudge(dataset, LiveLabels(network, dataset), groups=groups, flow=flow)
    totals = evaluate_predictions(judge, clips).totals()
    return {name: totals.get(name) for name in ("miou", "macc", "aacc", "tc")}
