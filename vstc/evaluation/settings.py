"""Settings of ``vstc evaluate``."""

from __future__ import annotations

from pydantic import Field

from vstc.config import Settings
from vstc.errors import ConfigError, unknown_name
from vstc.evaluation.clip_judge import Metric
from vstc.metrics.confusion import AbsentClass

DEFAULT_FLOW_METHOD = "dis-medium"


class EvaluateSettings(Settings):
    """What is judged, and how.

    Attributes:
        split: Splits to judge, comma separated; None takes the clips that the predictions hold.
        limit: Judge the first so many clips only.
        metrics: Groups of values to compute.
        absent: What a class scores that occurs neither in truth nor in prediction.
        flow_method: Method for flow that is computed on the fly; None when flow is stored.
        resize_predictions: Bring predictions to the size of the labels by nearest pixel.
    """

    split: str | None = None
    limit: int | None = Field(None, ge=1)
    metrics: tuple[Metric, ...] = tuple(Metric)
    absent: AbsentClass = AbsentClass.NULL
    flow_method: str | None = None
    resize_predictions: bool = False


def parse_metrics(text: str | None) -> tuple[Metric, ...] | None:
    """Read a comma separated list of metric groups; None stays None.

    Raises:
        ConfigError: An unknown name, or none at all.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError("--metrics is empty", hint=f"choose of: {', '.join(Metric)}")
    for name in names:
        if name not in set(Metric):
            raise unknown_name("metric", name, Metric)
    return tuple(metric for metric in Metric if metric in names)
