"""Settings of ``vstc evaluate``."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from vstc.config import Settings
from vstc.errors import ConfigError, unknown_name
from vstc.metrics.confusion import AbsentClass

DEFAULT_FLOW_METHOD = "dis-medium"


class Metric(StrEnum):
    """Groups of values that are computed together."""

    MIOU = "miou"
    TC = "tc"


class EvaluateSettings(Settings):
    """What is judged, and how.

    Attributes:
        split: Splits to judge, comma separated; None takes the clips that the predictions hold.
        limit: Judge the first so many clips only.
        metrics: Groups of values to compute.
        absent: What a class scores that occurs neither in truth nor in prediction.
        exclude: Names of classes that the means leave out, such as the background of 300VW.
        flow_method: Method for flow that is computed on the fly; None when flow is stored.
        resize_predictions: Bring predictions to the size of the labels by nearest pixel.
    """

    split: str | None = None
    limit: int | None = Field(None, ge=1)
    metrics: tuple[Metric, ...] = tuple(Metric)
    absent: AbsentClass = AbsentClass.NULL
    exclude: tuple[str, ...] = ()
    flow_method: str | None = None
    resize_predictions: bool = False


def parse_metrics(text: str | None) -> tuple[Metric, ...] | None:
    """Read a comma separated list of metric groups; None stays None.

    Raises:
        ConfigError: An unknown name, or none at all.
    """
    names = parse_names(text)
    if names is None:
        return None
    if not names:
        raise ConfigError("--metrics is empty", hint=f"choose of: {', '.join(Metric)}")
    for name in names:
        if name not in set(Metric):
            raise unknown_name("metric", name, Metric)
    return tuple(metric for metric in Metric if metric in names)


def parse_names(text: str | None) -> tuple[str, ...] | None:
    """Split a comma separated list; None stays None."""
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())
