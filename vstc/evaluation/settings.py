"""Settings of ``vstc evaluate``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from vstc.config import Settings
from vstc.errors import ConfigError, unknown_name
from vstc.evaluation.label_sources.source import PredictionFormat
from vstc.metrics.confusion import AbsentClass
from vstc.metrics.consistency_protocol import Border, ConsistencyMode, Direction, Occlusion


class Metric(StrEnum):
    """Groups of values that are computed together."""

    MIOU = "miou"
    TC = "tc"
    VC = "vc"
    FLICKER = "flicker"
    BOUNDARY = "boundary"
    TSB = "tsb"


DEFAULT_METRICS = (Metric.MIOU, Metric.TC, Metric.VC, Metric.FLICKER)


class ConsistencySettings(Settings):
    """How TC is computed; see ``vstc.metrics.consistency_protocol``.

    Attributes:
        mode: How labels are moved and counted.
        direction: Whose labels move.
        border: What a pixel gets whose flow leaves the frame; None takes the mode's own.
        occlusion: Which hidden pixels do not count.
    """

    mode: ConsistencyMode = ConsistencyMode.NEAREST
    direction: Direction = Direction.NEXT
    border: Border | None = None
    occlusion: Occlusion = Occlusion.NONE


class StabilityTarget(StrEnum):
    """What a mask is, for Tsb.

    ``CLASS`` makes one per class, ``FOREGROUND`` one of all that is neither 0 nor void, and
    ``INSTANCE`` one per id other than 0 and void, as in maps of instance ids.
    """

    CLASS = "class"
    FOREGROUND = "foreground"
    INSTANCE = "instance"


class StabilityScale(StrEnum):
    """How Tsb is written.

    ``RAW`` values lie in [0, 1]; ``DAVIS`` ones are five times that, without the first and last
    frame of a clip, as the tables of DAVIS have them.
    """

    RAW = "raw"
    DAVIS = "davis"


class StabilitySettings(Settings):
    """How Tsb is computed.

    Attributes:
        target: What a mask is.
        classes: Names of the classes whose masks are taken; empty for all.
        scale: Raw, or as DAVIS publishes it.
        trim: Leave the first and the last frame of each clip out; None leaves it to the scale.
        max_side: Bring label maps to at most this many pixels a side, by nearest pixel; None
            keeps them. It changes the number: small bumps vanish.
        stride: Compare every so-manieth pair of neighbours only.
    """

    target: StabilityTarget = StabilityTarget.CLASS
    classes: tuple[str, ...] = ()
    scale: StabilityScale = StabilityScale.RAW
    trim: bool | None = None
    max_side: int | None = Field(None, ge=16)
    stride: int = Field(1, ge=1)

    @property
    def is_trimmed(self) -> bool:
        """Tell whether the first and last frame of a clip are left out."""
        return self.scale is StabilityScale.DAVIS if self.trim is None else self.trim


class EvaluateSettings(Settings):
    """What is judged, and how.

    Attributes:
        split: Splits to judge, comma separated; None takes the clips that the predictions hold.
        limit: Judge the first so many clips only.
        format: What the files of a folder of predictions hold.
        metrics: Groups of values to compute.
        absent: What a class scores that occurs neither in truth nor in prediction.
        exclude: Names of classes that the means leave out, such as the background of 300VW.
        tc: How TC is computed.
        vc_windows: Frames of the windows of VC.
        tsb: How Tsb is computed.
        flow_method: Method for flow that is computed on the fly; None when flow is stored.
        resize_predictions: Bring predictions to the size of the labels: ids by nearest pixel,
            class scores bilinearly.
    """

    split: str | None = None
    limit: int | None = Field(None, ge=1)
    format: PredictionFormat = PredictionFormat.AUTO
    metrics: tuple[Metric, ...] = DEFAULT_METRICS
    absent: AbsentClass = AbsentClass.NULL
    exclude: tuple[str, ...] = ()
    tc: ConsistencySettings = ConsistencySettings()
    vc_windows: tuple[Annotated[int, Field(ge=2, le=255)], ...] = (8, 16)
    tsb: StabilitySettings = StabilitySettings()
    flow_method: str | None = None
    resize_predictions: bool = False


def parse_metrics(text: str | None) -> tuple[Metric, ...] | None:
    """Read a comma separated list of metric groups; ``all`` means each, None stays None.

    Raises:
        ConfigError: An unknown name, or none at all.
    """
    names = parse_names(text)
    if names is None:
        return None
    if not names:
        raise ConfigError("--metrics is empty", hint=f"choose of: {', '.join(Metric)}")
    if names == ("all",):
        return tuple(Metric)
    for name in names:
        if name not in set(Metric):
            raise unknown_name("metric", name, [*Metric, "all"])
    return tuple(metric for metric in Metric if metric in names)


def parse_names(text: str | None) -> tuple[str, ...] | None:
    """Split a comma separated list; None stays None."""
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())
