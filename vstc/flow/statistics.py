"""Figures that tell whether a flow can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.flow.remap import Flow, forward_backward_consistent, inside_frame, warp_to_target


@dataclass(frozen=True)
class FlowStatistics:
    """Figures of one field, or means over several.

    Attributes:
        mean_magnitude: Mean length of the vectors, pixels.
        max_magnitude: Greatest length, pixels.
        outside_share: Share of pixels that point out of the frame.
        error_before: Mean absolute difference of the two grey frames, 0..255.
        error_after: The same once the source is warped onto the target, inside pixels only.
        consistent_share: Share of pixels where the way there and back ends near its start.
    """

    mean_magnitude: float
    max_magnitude: float
    outside_share: float
    error_before: float | None = None
    error_after: float | None = None
    consistent_share: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; None where something is absent."""
        return asdict(self)


def field_statistics(
    flow_target_to_source: Flow,
    *,
    target_gray: NDArray[np.uint8] | None = None,
    source_gray: NDArray[np.uint8] | None = None,
    flow_source_to_target: Flow | None = None,
) -> FlowStatistics:
    """Compute the figures of one field.

    Args:
        flow_target_to_source: (H, W, 2) on the grid of the target.
        target_gray: (H, W), the frame on whose grid the flow is defined.
        source_gray: (H, W), the frame that it samples.
        flow_source_to_target: The flow of the other direction, (H, W, 2).
    """
    magnitude = np.hypot(flow_target_to_source[:, :, 0], flow_target_to_source[:, :, 1])
    inside = inside_frame(flow_target_to_source)
    before = after = consistent = None
    if target_gray is not None and source_gray is not None:
        target = target_gray.astype(np.int16)
        warped = warp_to_target(source_gray, flow_target_to_source)
        before = float(np.abs(target - source_gray).mean())
        difference = np.abs(target - warped)[inside]
        after = float(difference.mean()) if difference.size else None
    if flow_source_to_target is not None:
        both = forward_backward_consistent(flow_target_to_source, flow_source_to_target)
        consistent = float(both.mean())
    return FlowStatistics(
        mean_magnitude=float(magnitude.mean()),
        max_magnitude=float(magnitude.max()),
        outside_share=float(1 - inside.mean()),
        error_before=before,
        error_after=after,
        consistent_share=consistent,
    )


def summarise(rows: Sequence[FlowStatistics]) -> FlowStatistics:
    """Average figures over fields; of ``max_magnitude`` keep the greatest.

    Raises:
        ValueError: There are no rows.
    """
    if not rows:
        raise ValueError("there is no flow to summarise")
    means: dict[str, Any] = {}
    for entry in fields(FlowStatistics):
        known = [value for row in rows if (value := getattr(row, entry.name)) is not None]
        means[entry.name] = sum(known) / len(known) if known else None
    means["max_magnitude"] = max(row.max_magnitude for row in rows)
    return FlowStatistics(**means)
