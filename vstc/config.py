"""Settings of a command: typed, closed to unknown keys, merged from defaults, file and flags."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from vstc.errors import ConfigError, unknown_name


class Settings(BaseModel):
    """Base of all settings: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, every default filled in."""
        return self.model_dump(mode="json")


AnySettings = TypeVar("AnySettings", bound=Settings)


def resolve(
    settings_class: type[AnySettings],
    *,
    config_file: Path | None = None,
    sets: Iterable[str] | None = None,
    flags: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
) -> AnySettings:
    """Merge a command's settings: flag before ``--set`` before config file before default.

    Args:
        settings_class: The settings to fill.
        config_file: A TOML file, or the manifest of an earlier run.
        sets: ``key=value`` texts; dots reach into nested settings; values are TOML or bare text.
        flags: Values of command-line flags; None means that the flag was not given. Keys may
            hold dots.
        base: Values in place of the defaults, such as a recipe's; the file goes before them.

    Returns:
        The validated settings.

    Raises:
        ConfigError: An unreadable file, an unknown key or a value out of range.
    """
    merged = gather(config_file=config_file, sets=sets, flags=flags, base=base)
    try:
        return settings_class.model_validate(merged)
    except ValidationError as error:
        raise _explain(error, settings_class) from error


def gather(
    *,
    config_file: Path | None = None,
    sets: Iterable[str] | None = None,
    flags: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Merge what was given, as ``resolve`` does, without looking at what it means.

    Raises:
        ConfigError: An unreadable file, or a text that is not ``key=value``.
    """
    merged = _merge(base or {}, read_config(config_file) if config_file else {})
    for text in sets or ():
        key, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(f"--set {text} is not key=value", hint="for instance --set seed=1")
        _put(merged, key.strip(), _parse_value(value.strip()))
    for key, value in (flags or {}).items():
        if value is not None:
            _put(merged, key, value)
    return merged


def read_config(path: Path) -> dict[str, Any]:
    """Read settings from a TOML file or from the ``config`` of a manifest.

    Raises:
        ConfigError: The file is missing or is not valid.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read config {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"config {path} is not text: {error}") from error
    try:
        if path.suffix == ".json":
            config = json.loads(text)["config"]
            return dict(config)
        return tomllib.loads(text)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"config {path} is not valid: {error}", hint="give a TOML file or a manifest.json"
        ) from error


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merge(old, value)
        merged[key] = value
    return merged


def _parse_value(text: str) -> Any:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    is_date = isinstance(value, date | time)  # no setting is one; a name may look like one
    return text if is_date or "\n" in text else value


def _put(tree: dict[str, Any], dotted_key: str, value: Any) -> None:
    *parents, last = dotted_key.split(".")
    for parent in parents:
        child = tree.get(parent)
        tree[parent] = child = dict(child) if isinstance(child, Mapping) else {}
        tree = child
    tree[last] = value


def _explain(error: ValidationError, settings_class: type[Settings]) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return unknown_name("setting", key, _known_keys(settings_class))
    message = first["msg"].removeprefix("Value error, ")
    if isinstance(first["input"], Mapping) and first["type"] == "value_error":
        # Settings that exclude one another: the message names them.
        return ConfigError(f"{key}: {message}" if key else message)
    return ConfigError(
        f"setting {key} = {first['input']!r}: {message}",
        hint=f"correct it with --set {key}=VALUE or in the config file",
    )


def _known_keys(settings_class: type[BaseModel], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, field in settings_class.model_fields.items():
        keys.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys.extend(_known_keys(field.annotation, f"{prefix}{name}."))
    return keys
