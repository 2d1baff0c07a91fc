"""Operating points told apart by all their settings, never by a name alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from vstc.propagation.presets import PRESETS
from vstc.propagation.settings import PropagateSettings

# What the settings of a run say besides: a name, and where its flow came from.
_BESIDES = {"preset", "flow_method"}


def operating_point(config: Mapping[str, Any]) -> PropagateSettings | None:
    """Read how a run propagated, every default filled in.

    Args:
        config: ``config.propagation`` of its manifest.

    Returns:
        The settings; None where they are not ours, or of a newer version.
    """
    try:
        return PropagateSettings.model_validate(
            {key: value for key, value in config.items() if key not in _BESIDES}
        )
    except ValidationError:
        return None


def plain_point(settings: PropagateSettings) -> dict[str, Any]:
    """Return settings as plain JSON values, without what a run says besides."""
    return {key: value for key, value in settings.as_json().items() if key not in _BESIDES}


def preset_of(settings: PropagateSettings) -> str | None:
    """Return the preset that has exactly these settings; None if there is none."""
    own = plain_point(settings)
    return next((name for name, known in PRESETS.items() if plain_point(known) == own), None)


def changed_keys(settings: PropagateSettings, other: PropagateSettings) -> list[str]:
    """Name the settings that differ, with dots into nested ones."""
    return _changed(plain_point(settings), plain_point(other), "")


def _changed(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str) -> list[str]:
    keys: list[str] = []
    for key, value in first.items():
        beside = second.get(key)
        if isinstance(value, Mapping) and isinstance(beside, Mapping) and key != "params":
            keys += _changed(value, beside, f"{prefix}{key}.")
        elif value != beside:
            keys.append(prefix + key)
    return keys
