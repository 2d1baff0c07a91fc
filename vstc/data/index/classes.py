"""Class tables: read from JSON, or made up from the ids that the labels hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vstc.errors import InputError
from vstc.formats.cityscapes import CITYSCAPES_CLASSES, refuse_other_classes
from vstc.formats.dataset import LabelClass
from vstc.formats.label_encoding import LabelEncoding

UNUSED_ID = 255
_IMPLIED_NAMES = {
    LabelEncoding.MASKS: ("background", "object"),
    LabelEncoding.TRIMAPS: ("background", "unknown", "foreground"),
}


@dataclass(frozen=True)
class ClassTable:
    """The classes of a data set, void included, and the label id that counts for nothing."""

    classes: Sequence[LabelClass]
    ignore_index: int


def read_class_table(path: Path) -> ClassTable:
    """Read a class table.

    The file holds a list of ``{"id", "name", "color"?, "ignore"?}``, or an object with that
    list under ``classes`` and perhaps ``ignore_index``. Without colours, distinct ones are made.

    Raises:
        InputError: Missing or unreadable, an id, name or colour that stands twice, ids that
            leave gaps, or an ``ignore_index`` that is not void.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read class table {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"class table {path} is not JSON: {error}") from error
    rows = content.get("classes") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            f"class table {path} holds no list of classes",
            hint='for instance [{"id": 0, "name": "road", "color": [128, 64, 128]}]',
        )
    classes = [_read_row(row, path) for row in rows]
    given = content.get("ignore_index") if isinstance(content, dict) else None
    return _checked(classes, ignore_index=given, where=f"class table {path}")


def infer_class_table(ids: Iterable[int], *, ignore_index: int = UNUSED_ID) -> ClassTable:
    """Make up a table for the ids that were found: ``class_0`` up to the highest.

    Args:
        ids: Label ids that occur.
        ignore_index: The id of void; it never becomes a class.
    """
    found = set(ids)
    counted = [value for value in found if value != ignore_index]
    names = range(max(counted) + 1) if counted else range(0)
    classes = [
        LabelClass(id=value, name=f"class_{value}", color=distinct_color(value)) for value in names
    ]
    if ignore_index in found:
        void = LabelClass(id=ignore_index, name="void", color=(0, 0, 0), ignore=True)
        classes = [entry for entry in classes if entry.id != ignore_index] + [void]
    return _checked(classes, ignore_index=ignore_index, where="the labels")


def encoded_table(encoding: LabelEncoding) -> ClassTable | None:
    """Return the table that an encoding implies; None for plain ids, which imply none."""
    if encoding is LabelEncoding.CITYSCAPES:
        return ClassTable(CITYSCAPES_CLASSES, UNUSED_ID)
    names = _IMPLIED_NAMES.get(encoding)
    if names is not None:
        classes = [
            LabelClass(id=i, name=name, color=distinct_color(i)) for i, name in enumerate(names)
        ]
        return ClassTable(classes, UNUSED_ID)
    return None


def refuse_other_table(table: ClassTable, encoding: LabelEncoding, *, where: str) -> None:
    """Refuse a table that does not go with an encoding.

    Raises:
        InputError: Not the 19 classes of Cityscapes, two of masks, or three of trimaps.
    """
    classes = [entry for entry in table.classes if not entry.ignore]
    if encoding is LabelEncoding.CITYSCAPES:
        refuse_other_classes(classes, what=f"class table {where}")
    names = _IMPLIED_NAMES.get(encoding)
    if names is not None and len(classes) != len(names):
        raise InputError(
            f"class table {where} has {len(classes)} classes, {encoding} have {len(names)}",
            hint=f"the classes are, by their ids: {', '.join(names)}",
        )


def distinct_color(value: int) -> tuple[int, int, int]:
    """Return a colour for an id, different for all ids 0..254 and never black.

    It is the colour map of PASCAL VOC, one place further: the bits of the number are dealt to
    red, green and blue in turn, highest colour bit first.
    """
    rest, red, green, blue = value + 1, 0, 0, 0
    for bit in range(7, -1, -1):
        red |= (rest & 1) << bit
        green |= (rest >> 1 & 1) << bit
        blue |= (rest >> 2 & 1) << bit
        rest >>= 3
    return red, green, blue


def _read_row(row: dict[str, Any], path: Path) -> LabelClass:
    try:
        filled = {"color": distinct_color(int(row.get("id", 0)))} | row
        return LabelClass.model_validate(filled)
    except (ValidationError, ValueError, TypeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
        raise InputError(f"class table {path} has a bad row {row}: {why}") from error


def _checked(classes: list[LabelClass], *, ignore_index: int | None, where: str) -> ClassTable:
    for what in ("id", "name", "color"):
        # Several kinds of void may share a colour: they count for nothing all the same.
        values = [getattr(entry, what) for entry in classes if what == "id" or not entry.ignore]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise InputError(f"{where}: two classes have the {what} {twice}")
    voids = [entry.id for entry in classes if entry.ignore]
    if ignore_index is None:
        ignore_index = voids[0] if voids else UNUSED_ID
    if voids and ignore_index not in voids:
        raise InputError(f"{where}: ignore_index {ignore_index} is not the id of a void class")
    ids = sorted(entry.id for entry in classes if not entry.ignore)
    if ids != list(range(len(ids))):
        raise InputError(
            f"{where}: class ids must be 0..{len(ids) - 1} without gaps, found {ids}",
            hint="give a class table whose void has the highest id, or relabel",
        )
    if ignore_index < len(ids):
        raise InputError(f"{where}: ignore_index {ignore_index} is the id of a class")
    return ClassTable(sorted(classes, key=lambda entry: entry.id), ignore_index)
