"""A run that is compared: its scores, and what its network costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

COSTS = RATE, FPS, PARAMS, GMACS = "rate", "fps", "params", "gmacs"


@dataclass(frozen=True)
class MeasuredRate:
    """How fast the operating point of a run is.

    Attributes:
        point: Name of the operating point.
        value: Frames per second of the whole pipeline.
        where: What it was measured on, in words.
    """

    point: str
    value: float
    where: str


@dataclass(frozen=True)
class ComparedRun:
    """Scores of a run, and its efficiency figures where they are known.

    Attributes:
        name: What it is called.
        record: The content of ``metrics.json``.
        efficiency: The content of ``efficiency.json``; None where none was given.
        rate: The rate of its operating point; None where it is not known.
        label: What pictures call it; empty is its name.
        counts: Confusion matrices of the N clips in the order of the record, (N, K + 1, K + 1),
            by metric group.
        sums: Sums of values and their weights, (N, 2), by name of the total.
    """

    name: str
    record: Mapping[str, Any]
    efficiency: Mapping[str, Any] | None = None
    rate: MeasuredRate | None = None
    label: str = ""
    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    sums: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def clip_ids(self) -> list[str]:
        """The clips that were judged."""
        return [str(row["id"]) for row in self.record["per_clip"]]

    @property
    def protocol(self) -> Mapping[str, Any]:
        """How the scores were made."""
        found: Mapping[str, Any] = self.record["protocol"]
        return found

    def scores(self) -> dict[str, float | None]:
        """Return totals by name, with ``rate``, ``fps``, ``params`` (in 10^6) and ``gmacs``.

        Figures of an efficiency artifact go before those that the record may hold.
        """
        return {**self.record["totals"], **self.costs()}

    def costs(self) -> dict[str, float]:
        """Return rate and efficiency figures by name; empty where none were given."""
        rate = {} if self.rate is None else {RATE: self.rate.value}
        if self.efficiency is None:
            return rate
        return rate | {
            FPS: float(self.efficiency["latency"]["network"]["fps"]),
            PARAMS: self.efficiency["num_parameters_inference"] / 1e6,
            GMACS: float(self.efficiency["gmacs"]),
        }
