"""Judge flow against the truth: end-point error and the share of outliers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.flow.providers import FlowProvider
from vstc.flow.remap import Flow
from vstc.formats.flow.kitti import SparseFlow, read_kitti_flow
from vstc.formats.flow.middlebury import known_flow, read_flo
from vstc.formats.images import read_rgb

_TRUTH_NAMES = ("flow_gt.flo", "flow_gt.png")
OUTLIER_PIXELS = 3.0
OUTLIER_SHARE = 0.05


@dataclass(frozen=True)
class FlowTruth:
    """A pair of images whose flow is known.

    Attributes:
        name: Name of its folder.
        folder: Where it lies: ``img0.png``, ``img1.png``, ``flow_gt.flo`` or ``flow_gt.png``.
        flow_first_to_second: The flow on the grid of the first image, with what is known of it.
    """

    name: str
    folder: Path
    flow_first_to_second: SparseFlow

    def grays(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Read both images as grey values.

        Raises:
            InputError: An image is unreadable.
        """
        first, second = (
            np.asarray(cv2.cvtColor(read_rgb(self.folder / name), cv2.COLOR_RGB2GRAY), np.uint8)
            for name in ("img0.png", "img1.png")
        )
        return first, second


@dataclass(frozen=True)
class EndpointError:
    """How far a flow is from the truth.

    Attributes:
        name: Name of the pair, or ``mean`` over pairs.
        known_share: Share of pixels whose truth is known; only they count.
        mean_magnitude: Mean length of the true vectors: the error of predicting no motion.
        mean: Mean end-point error in pixels.
        median: Median end-point error in pixels.
        outlier_share: Fl-all of KITTI: error above 3 px and above 5 % of the true length.
    """

    name: str
    known_share: float
    mean_magnitude: float
    mean: float
    median: float
    outlier_share: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def endpoint_error(name: str, estimate: Flow, truth: SparseFlow) -> EndpointError:
    """Compare a flow with the truth.

    Args:
        name: Name of the pair.
        estimate: (H, W, 2) in pixels, of the same direction as the truth.
        truth: The true flow.

    Raises:
        InputError: The sizes differ, or no pixel is known.
    """
    if estimate.shape != truth.flow.shape:
        raise InputError(
            f"{name}: the flow has {estimate.shape[:2]} pixels, its truth {truth.flow.shape[:2]}"
        )
    if not truth.known.any():
        raise InputError(f"{name}: the truth has no known pixel")
    wanted = truth.flow[truth.known].astype(np.float64)
    off = estimate[truth.known] - wanted
    error, magnitude = np.hypot(off[:, 0], off[:, 1]), np.hypot(wanted[:, 0], wanted[:, 1])
    is_outlier = (error > OUTLIER_PIXELS) & (error > OUTLIER_SHARE * magnitude)
    return EndpointError(
        name=name,
        known_share=float(truth.known.mean()),
        mean_magnitude=float(magnitude.mean()),
        mean=float(error.mean()),
        median=float(np.median(error)),
        outlier_share=float(is_outlier.mean()),
    )


def average(rows: list[EndpointError]) -> EndpointError:
    """Average over pairs, each counting the same."""
    columns = ("known_share", "mean_magnitude", "mean", "median", "outlier_share")
    means = {key: float(np.mean([getattr(row, key) for row in rows])) for key in columns}
    return EndpointError(name="mean", **means)


def find_truths(folder: Path) -> Iterator[FlowTruth]:
    """Yield the pairs with true flow in a folder, or the one that it is itself.

    Raises:
        InputError: There are none, or one is damaged.
    """
    candidates = [folder] if folder.is_dir() else []
    candidates += sorted(path for path in folder.glob("*") if path.is_dir())
    found = 0
    for place in candidates:
        for name in _TRUTH_NAMES:
            if (place / name).is_file():
                found += 1
                yield FlowTruth(place.name, place, _read_truth(place / name))
                break
    if not found:
        raise InputError(
            f"no true flow in {folder}",
            hint="each pair is a folder with img0.png, img1.png and flow_gt.flo or flow_gt.png",
        )


def evaluate_provider(truths: Iterator[FlowTruth], provider: FlowProvider) -> list[EndpointError]:
    """Compute the flow of each pair and compare it.

    Raises:
        InputError: An image is unreadable or of another size than the truth.
    """
    worker = provider.make_worker()
    rows = []
    for truth in truths:
        first, second = truth.grays()
        estimate = worker.flow(target_gray=first, source_gray=second)
        rows.append(endpoint_error(truth.name, estimate, truth.flow_first_to_second))
    return rows


def evaluate_files(truths: Iterator[FlowTruth], folder: Path) -> list[EndpointError]:
    """Compare given files, ``<pair>.flo`` or ``<pair>.png``, flow from first to second image.

    Pixels that a PNG marks as unknown count with no motion, as KITTI's fill-in would be ours.

    Raises:
        InputError: A file is missing or damaged.
    """
    rows = []
    for truth in truths:
        flo, png = folder / f"{truth.name}.flo", folder / f"{truth.name}.png"
        if flo.is_file():
            estimate = read_flo(flo)
        elif png.is_file():
            estimate = read_kitti_flow(png).flow
        else:
            raise InputError(f"no flow for pair {truth.name}: neither {flo} nor {png} is there")
        rows.append(endpoint_error(truth.name, estimate, truth.flow_first_to_second))
    return rows


def _read_truth(path: Path) -> SparseFlow:
    if path.suffix == ".png":
        return read_kitti_flow(path)
    flow = read_flo(path)
    known = known_flow(flow)
    return SparseFlow(flow=np.where(known[:, :, None], flow, 0).astype(np.float32), known=known)
