"""Find out whether predictions were themselves made by moving labels along optical flow.

TC of such predictions is inflated, more so when it is measured with the same flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstc.errors import InputError

PREDICTIONS_KIND = "vstc.predictions"
PROPAGATION_KEY = "propagation"
FLOW_METHOD_KEY = "flow_method"
UNKNOWN_METHOD = "unknown"


def propagation_flow_methods(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the methods of flow that labels were propagated with; empty when none were.

    The agreement with whatever writes predictions: an artifact of kind ``vstc.predictions`` whose
    labels moved along flow has in its ``config`` an object ``propagation``, whose ``flow_method``
    is the name of the method, or a list of names. Without propagation the key is absent or null;
    where labels were held and not moved, ``warp`` beside the method is false.

    Args:
        manifest: The manifest of a predictions artifact.

    Returns:
        The names, sorted; ``unknown`` where propagation is declared without a method.

    Raises:
        InputError: The entry has another form.
    """
    if manifest.get("kind") != PREDICTIONS_KIND:
        return ()
    declared = manifest.get("config", {}).get(PROPAGATION_KEY)
    if declared is None or (isinstance(declared, Mapping) and declared.get("warp") is False):
        return ()
    methods = declared.get(FLOW_METHOD_KEY) if isinstance(declared, Mapping) else 0
    if methods is None:
        return (UNKNOWN_METHOD,)
    names = [methods] if isinstance(methods, str) else methods
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"config.{PROPAGATION_KEY} of the predictions is {declared!r}, "
            f"not an object with a {FLOW_METHOD_KEY}"
        )
    return tuple(sorted(set(names))) or (UNKNOWN_METHOD,)


def inflation_note(methods: tuple[str, ...], tc_method: str | None) -> str | None:
    """Say that TC flatters propagated predictions; None when nothing was propagated.

    Args:
        methods: What labels were propagated with, from ``propagation_flow_methods``.
        tc_method: The method of the flow that TC is measured with; None when not known.
    """
    if not methods:
        return None
    same = " and TC is measured with the same flow" if tc_method in methods else ""
    return (
        f"labels were propagated along flow ({', '.join(methods)}){same}: "
        "TC is inflated, do not compare it with predictions made frame by frame"
    )
