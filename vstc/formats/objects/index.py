"""The index of instance masks, ``instances.json``: its form, and how it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstc.artifacts.manifest import read_manifest
from vstc.errors import InputError

INDEX = "instances.json"
KIND = "vstc.instances"
SCHEMA_VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CategoryRecord(_Record):
    """A category."""

    id: int
    name: str
    is_thing: bool = True


class ClipRecord(_Record):
    """A clip with its frames."""

    id: str
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    fps: float | None
    frame_names: list[str]
    frames: list[str] | None


class IndexRecord(_Record):
    """The content of ``instances.json``."""

    schema_name: Literal["vstc.instances"] = Field(alias="schema")
    schema_version: int
    name: str
    source: str
    root: str | None
    has_identity: bool
    categories: list[CategoryRecord]
    clips: list[ClipRecord]


def read_index(folder: Path) -> IndexRecord:
    """Read ``instances.json``.

    Raises:
        InputError: Missing, incomplete, unreadable or newer.
    """
    path = folder / INDEX
    if not path.is_file():
        read_manifest(folder, kind=KIND)  # tells why it is not there
        raise InputError(f"no instance masks at {folder}: {INDEX} is missing")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = int(content.get("schema_version", 0))
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{path} has schema version {version}, this vstc reads up to {SCHEMA_VERSION}",
                hint="pip install --upgrade vstc",
            )
        return IndexRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is not an index: {where}: {first['msg']}") from error
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is not readable: {error}") from error
