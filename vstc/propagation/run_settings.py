"""Settings of ``vstc propagate``: an operating point, and what is read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vstc.config import Settings, gather, resolve
from vstc.errors import ConfigError
from vstc.propagation.presets import preset
from vstc.propagation.settings import Carry, PropagateSettings, ScheduleKind

DEFAULT_PRESET = "balanced"
_PRESET_KEY, _METHOD_KEY = "propagation.preset", "propagation.flow.method"


class Propagation(PropagateSettings):
    """How results are propagated, and where that comes from.

    Attributes:
        preset: The operating point that the other values began with.
        flow_method: Name of the method that labels move along, also where flow is stored, or
            several; None if nothing moves. The command fills it in, and ``vstc evaluate`` reads
            it: TC flatters such labels.
    """

    preset: str | None = None
    flow_method: str | list[str] | None = None


class PropagateRunSettings(Settings):
    """What is propagated, how, and what is written.

    Attributes:
        propagation: How.
        split: Splits to use, comma separated; None is all.
        checkpoint: Which weights of run folders.
        missing: What a frame that cannot be read is: an ``error``, or with ``hold`` it shows
            what the frame before it shows. Frames of videos, pipes and cameras are errors.
        overlay: Write a video with the label colours too.
        probabilities: Write those of all classes too.
        format: As in ``vstc predict``.
        limit: Clips; of a pipe or a camera, frames.
    """

    propagation: Propagation = Propagation()
    split: str | None = None
    checkpoint: Literal["best", "last"] = "best"
    missing: Literal["error", "hold"] = "error"
    overlay: bool = False
    probabilities: bool = False
    format: Literal["ids", "cityscapes"] = "ids"
    limit: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.probabilities and self.propagation.carry is not Carry.PROBABILITIES:
            raise ValueError("probabilities need propagation.carry=probabilities (--carry)")
        return self

    def with_flow_method(self, name: str | None) -> Self:
        """Return the settings with the name of the method that labels move along."""
        propagation = self.propagation.model_copy(update={"flow_method": name})
        return self.model_copy(update={"propagation": propagation})


def choose_settings(
    *,
    config_file: Path | None,
    sets: Sequence[str] | None,
    flags: Mapping[str, Any],
    has_labels: bool = False,
    trained_with: Mapping[str, Any] | None = None,
) -> PropagateRunSettings:
    """Merge the settings of a run; what a preset says gives way to everything else.

    Without a preset, the settings that a refiner or a merging layer was trained with are taken,
    and without either the preset ``balanced``.

    Args:
        config_file: ``--config``.
        sets: ``--set``.
        flags: Values of flags by their key; None was not given.
        has_labels: The key network is a folder of labels: key frames are those that it has.
        trained_with: Settings of propagation that a refiner or a merging layer was trained with.

    Raises:
        ConfigError: An unknown preset, key or value, or values that exclude one another.
    """
    sources: dict[str, Any] = {"config_file": config_file, "sets": sets, "flags": flags}
    given = gather(**sources)
    base = _base(given, trained_with)
    if has_labels:
        base["schedule"] = {**base["schedule"], "kind": str(ScheduleKind.GIVEN)}
    method = _value_at(given, _METHOD_KEY)
    if method is not None and method != base["flow"]["method"]:
        base["flow"] = {**base["flow"], "params": {}}  # those of another method
    return resolve(PropagateRunSettings, **sources, base={"propagation": base})


def _base(given: Mapping[str, Any], trained_with: Mapping[str, Any] | None) -> dict[str, Any]:
    name = _value_at(given, _PRESET_KEY)
    if name is not None and not isinstance(name, str):
        raise ConfigError(f"{_PRESET_KEY} = {name!r} is no name", hint="such as balanced")
    if name is None:
        in_file = given.get("propagation")
        if isinstance(in_file, Mapping) and "preset" in in_file:
            return PropagateSettings().as_json()  # an old manifest, which says everything
        if trained_with is not None:
            return PropagateSettings.model_validate(trained_with).as_json()
    chosen = name or DEFAULT_PRESET
    return {**preset(chosen).as_json(), "preset": chosen}


def _value_at(tree: Mapping[str, Any], dotted_key: str) -> Any:
    value: Any = tree
    for key in dotted_key.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
