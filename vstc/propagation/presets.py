"""Operating points by name: those of Paul et al. 2020, Table 2, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstc.errors import unknown_name
from vstc.propagation.settings import PropagateSettings

# Name: factor on the network's input (D), interval (S), warping (W), refining (R).
PAPER_TABLE: Mapping[str, tuple[float, int, bool, bool]] = {
    "evs-01": (1.0, 1, True, True),
    "evs-02": (1.0, 2, True, True),
    "evs-03": (1.0, 2, True, False),
    "evs-04": (1.0, 3, True, True),
    "evs-05": (1.0, 3, True, False),
    "evs-06": (1.0, 5, True, True),
    "evs-07": (1.0, 5, True, False),
    "evs-08": (1.0, 5, False, False),
    "evs-09": (0.5, 5, False, False),
    "evs-10": (1.0, 10, True, False),
    "evs-11": (1.0, 10, False, False),
    "evs-12": (0.5, 10, True, False),
    "evs-13": (0.5, 10, False, False),
    "evs-14": (0.5, 17, True, False),
}


def _as_in_paper(downscale: float, interval: int, warp: bool, refine: bool) -> PropagateSettings:
    """Fill an operating point of the paper.

    Everything lies at a quarter of the frame and is carried from frame to frame by nearest
    pixel along Eq. 1; one flow serves the mask, which knows no rim, no age and no scene cuts.
    Its radius and sigma are ours: the paper names none. At interval 1 there is no refiner: the
    key network's own result is fused.
    """
    how = "fuse" if interval == 1 else "last"
    return PropagateSettings.model_validate(
        {
            "mode": "evs" if refine else "labels",
            "interval": interval,
            "network_scale": downscale,
            "warp": warp,
            "refine": how if refine else "never",
            "carry": "probabilities" if refine else "labels",
            "interpolation": "nearest",
            "scheme": "chained",
            "warping": "eq1",
            "flow": {"method": "dis-ultrafast"},
            "iam": {"flows": 1, "outside": False},
            "schedule": {"kind": "fixed", "cuts": False},
        }
    )


# One pyramid level finer than EVS; with a larger stride that costs about twice the time.
_FINER_FLOW = {"method": "dis-ultrafast", "params": {"finest_scale": 1, "patch_stride": 6}}
_FINEST_FLOW = {"method": "dis-ultrafast", "params": {"finest_scale": 1}}
# Labels at full size along composed maps of a quarter keep what the key network saw sharp.
_SHARP_LABELS = {"mode": "labels", "carry": "labels", "carry_scale": 1.0, "scheme": "composed"}
_OURS: Mapping[str, Mapping[str, Any]] = {
    "fast": {**_SHARP_LABELS, "interval": 10, "map_scale": 0.25},
    "balanced": {**_SHARP_LABELS, "interval": 5, "map_scale": 0.5, "flow": _FINER_FLOW},
    "best": {
        **_SHARP_LABELS,
        "interval": 3,
        "map_scale": 0.5,
        "flow": _FINEST_FLOW,
        "look_ahead": True,
    },
}

PRESETS: Mapping[str, PropagateSettings] = {
    **{name: _as_in_paper(*row) for name, row in PAPER_TABLE.items()},
    **{name: PropagateSettings.model_validate(values) for name, values in _OURS.items()},
}


def preset(name: str) -> PropagateSettings:
    """Return the settings of an operating point.

    Args:
        name: ``evs-01`` to ``evs-14`` reproduce Paul et al. 2020; ``fast``, ``balanced`` and
            ``best`` are ours.

    Raises:
        ConfigError: An unknown name.
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name]
