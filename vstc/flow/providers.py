"""Methods of optical flow by name, all behind one small interface."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vstc.config import Settings, resolve
from vstc.errors import unknown_name
from vstc.flow.dis import DisSettings, DisWorker, check_pair


class FlowWorker(Protocol):
    """Computes flow; safe to call from any thread."""

    def flow(
        self, target_gray: NDArray[np.uint8], source_gray: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Compute the flow from target to source, on the grid of the target.

        Args:
            target_gray: (H, W), the frame on whose grid the flow is defined.
            source_gray: (H, W), the frame to sample.

        Returns:
            (H, W, 2) float32, (x, y) in pixels: sampling the source at grid + flow gives the
            target. So ``flow(next, prev)`` is flow_next_to_prev and ``flow(prev, next)`` is
            flow_prev_to_next.
        """


class FlowProvider(Protocol):
    """A method of optical flow with its parameters.

    Attributes:
        name: The name in the catalog.
        params: All parameters as plain JSON values.
    """

    @property
    def name(self) -> str:
        """The name in the catalog."""

    @property
    def params(self) -> Mapping[str, Any]:
        """All parameters as plain JSON values."""

    def make_worker(self) -> FlowWorker:
        """Make an object that computes."""


class FarnebackSettings(Settings):
    """Parameters of Farneback's method; the defaults are those of Paul et al.'s comparison.

    Attributes:
        levels: Pyramid levels.
        pyramid_scale: Size of a level relative to the one below.
        window_size: Side of the averaging window.
        iterations: Iterations per level.
        poly_n: Neighbourhood of the polynomial expansion.
        poly_sigma: Gaussian of the polynomial expansion.
    """

    levels: int = Field(5, ge=1)
    pyramid_scale: float = Field(0.5, gt=0, lt=1)
    window_size: int = Field(15, ge=1)
    iterations: int = Field(3, ge=1)
    poly_n: int = Field(5, ge=1)
    poly_sigma: float = Field(1.2, gt=0)


class FarnebackWorker:
    """Computes Farneback's flow; the function behind it keeps no state.

    Args:
        settings: The parameters.
    """

    def __init__(self, settings: FarnebackSettings) -> None:
        self._settings = settings

    def flow(
        self, target_gray: NDArray[np.uint8], source_gray: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Compute the flow from target to source; see ``FlowWorker``."""
        check_pair(target_gray, source_gray)
        given = self._settings
        flow = cv2.calcOpticalFlowFarneback(
            np.ascontiguousarray(target_gray),
            np.ascontiguousarray(source_gray),
            cast(Any, None),  # None lets OpenCV allocate the result; its stubs do not know
            given.pyramid_scale,
            given.levels,
            given.window_size,
            given.iterations,
            given.poly_n,
            given.poly_sigma,
            0,
        )
        return np.asarray(flow, np.float32)


@dataclass(frozen=True)
class _Method:
    settings: type[Settings]
    make_worker: Callable[[Any], FlowWorker]
    preset: Mapping[str, Any]


CATALOG: Mapping[str, _Method] = {
    "dis-ultrafast": _Method(DisSettings, DisWorker, {}),
    "dis-fast": _Method(DisSettings, DisWorker, {"iterations": 16, "refinement_iterations": 5}),
    "dis-medium": _Method(
        DisSettings,
        DisWorker,
        {"finest_scale": 1, "patch_stride": 3, "iterations": 25, "refinement_iterations": 5},
    ),
    "farneback": _Method(FarnebackSettings, FarnebackWorker, {}),
}


class CatalogProvider:
    """A method of the catalog with its parameters.

    Args:
        name: Name in the catalog.
        settings: Its parameters.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings

    @property
    def params(self) -> Mapping[str, Any]:
        """All parameters as plain JSON values."""
        return self._settings.as_json()

    def make_worker(self) -> FlowWorker:
        """Make an object that computes."""
        return CATALOG[self.name].make_worker(self._settings)


def make_provider(name: str, params: Mapping[str, Any] | None = None) -> CatalogProvider:
    """Choose a method of optical flow.

    ``dis-ultrafast`` is the setting of EVS (Paul et al. 2020), ``dis-medium`` the most accurate.

    Args:
        name: Name in the catalog.
        params: Parameters that differ from the method's own.

    Raises:
        ConfigError: An unknown name or parameter, or a value out of range.
    """
    if name not in CATALOG:
        raise unknown_name("flow method", name, CATALOG)
    method = CATALOG[name]
    return CatalogProvider(
        name, resolve(method.settings, flags={**method.preset, **(params or {})})
    )


_pool_guard = threading.Lock()
_pools_open = 0
_threads_before = 0


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread per call while our own pool keeps the cores busy.

    OpenCV's setting holds for the whole process: it is set by the first pool and restored by the
    last one.
    """
    global _pools_open, _threads_before
    with _pool_guard:
        if _pools_open == 0:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _pools_open += 1
    try:
        yield
    finally:
        with _pool_guard:
            _pools_open -= 1
            if _pools_open == 0:
                cv2.setNumThreads(_threads_before)
