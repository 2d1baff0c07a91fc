"""Settings of ``vstc trimap evaluate``."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from vstc.config import Settings
from vstc.errors import ConfigError, unknown_name
from vstc.evaluation.settings import (
    ConsistencySettings,
    StabilityScale,
    StabilitySettings,
    StabilityTarget,
)

IMAGE, UNKNOWN = "image", "unknown"


class TrimapMetric(StrEnum):
    """Groups of values that are computed together.

    ``IOU`` needs true trimaps, ``TC`` frames or stored flow, ``MATTING`` frames and pymatting;
    its errors need true alpha. ``TSB`` needs nothing.
    """

    IOU = "iou"
    TC = "tc"
    TSB = "tsb"
    MATTING = "matting"


class OutlineSettings(Settings):
    """How Tsb is computed; as ``StabilitySettings``, whose masks are chosen for trimaps.

    Attributes:
        scale: Raw, or as DAVIS publishes it.
        trim: Leave the first and the last frame of each sequence out; None leaves it to the scale.
        max_side: Bring trimaps to at most this many pixels a side; None keeps them.
        stride: Compare every so-manieth pair of neighbours only.
    """

    scale: StabilityScale = StabilityScale.RAW
    trim: bool | None = None
    max_side: int | None = Field(None, ge=16)
    stride: int = Field(1, ge=1)

    def of_one_mask(self) -> StabilitySettings:
        """Return the settings for a single mask per frame."""
        return StabilitySettings(target=StabilityTarget.FOREGROUND, **self.model_dump())


class TrimapSettings(Settings):
    """What of trimaps is judged, and how.

    Attributes:
        metrics: Groups of values; None takes all that the inputs allow, but runs matting only
            where true alpha is given.
        tracks: Names of the tracks to judge; empty takes all, but ``merged`` only if alone.
        limit: Judge the first so many sequences only.
        tc: How TC is computed.
        tsb: How Tsb is computed.
        flow_method: Method for flow that is computed on the fly; None when flow is stored.
        region: Where errors of mattes count: ``image``; ``unknown``, the unknown band of the
            trimap itself, as alphamatting.com does; or the name of a true trimap for its band.
    """

    metrics: tuple[TrimapMetric, ...] | None = None
    tracks: tuple[str, ...] = ()
    limit: int | None = Field(None, ge=1)
    tc: ConsistencySettings = ConsistencySettings()
    tsb: OutlineSettings = OutlineSettings()
    flow_method: str | None = None
    region: str = IMAGE


def parse_metrics(text: str | None) -> tuple[TrimapMetric, ...] | None:
    """Read a comma separated list of metrics; None stays None.

    Raises:
        ConfigError: An unknown name, or none at all.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError("--metrics is empty", hint=f"choose of: {', '.join(TrimapMetric)}")
    for name in names:
        if name not in set(TrimapMetric):
            raise unknown_name("metric", name, TrimapMetric)
    return tuple(metric for metric in TrimapMetric if metric in names)


def parse_truths(texts: Iterable[str] | None) -> dict[str, str]:
    """Read ``NAME=FOLDER`` texts, the true trimaps by the name of their width.

    Raises:
        ConfigError: A text of another form, or a name that is given twice or has a meaning.
    """
    truths: dict[str, str] = {}
    for text in texts or ():
        name, separator, folder = text.partition("=")
        name = name.strip()
        if not (separator and name and folder):
            raise ConfigError(
                f"--truth {text} is not NAME=FOLDER", hint="for instance --truth narrow=truth/1"
            )
        if name in truths or name in (IMAGE, UNKNOWN):
            why = "is given twice" if name in truths else "means a region of mattes"
            raise ConfigError(f"--truth {text}: {name} {why}", hint="take another name")
        truths[name] = folder
    return truths
