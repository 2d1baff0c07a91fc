"""Write JSON lists of any length row by row, each row on its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO


def write_object(stream: TextIO, members: Mapping[str, Any]) -> None:
    """Write an object; a member that is an iterator becomes a list, one row after the other."""
    separator = "{\n"
    for key, value in members.items():
        stream.write(f"{separator}{json.dumps(key)}: ")
        separator = ",\n"
        if isinstance(value, Iterator):
            write_list(stream, value)
        else:
            stream.write(_text(value))
    stream.write("\n}\n")


def write_list(stream: TextIO, rows: Iterable[Any]) -> None:
    """Write a list."""
    separator = "[\n"
    is_empty = True
    for row in rows:
        stream.write(separator + _text(row))
        separator, is_empty = ",\n", False
    stream.write("[]" if is_empty else "\n]")


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
