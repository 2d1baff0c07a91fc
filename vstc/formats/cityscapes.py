"""The 19 classes of Cityscapes that count, with the official names and colours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vstc.errors import InputError
from vstc.formats.dataset import LabelClass
from vstc.formats.label_encoding import NO_LABEL

_CLASSES = (
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("building", (70, 70, 70)),
    ("wall", (102, 102, 156)),
    ("fence", (190, 153, 153)),
    ("pole", (153, 153, 153)),
    ("traffic light", (250, 170, 30)),
    ("traffic sign", (220, 220, 0)),
    ("vegetation", (107, 142, 35)),
    ("terrain", (152, 251, 152)),
    ("sky", (70, 130, 180)),
    ("person", (220, 20, 60)),
    ("rider", (255, 0, 0)),
    ("car", (0, 0, 142)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("train", (0, 80, 100)),
    ("motorcycle", (0, 0, 230)),
    ("bicycle", (119, 11, 32)),
)
VOID = LabelClass(id=NO_LABEL, name="void", color=(0, 0, 0), ignore=True)
CITYSCAPES_CLASSES = (
    *(LabelClass(id=i, name=name, color=color) for i, (name, color) in enumerate(_CLASSES)),
    VOID,
)


def refuse_other_classes(classes: Sequence[LabelClass], *, what: str) -> None:
    """Refuse a class table whose ids are not the 19 train ids of Cityscapes.

    Case, spaces and other separators of the names do not matter.

    Args:
        classes: The classes that count, in the order of their ids.
        what: What has the table, for the message.

    Raises:
        InputError: Another number of classes, or another name.
    """
    hint = "Cityscapes label ids stand for the 19 train ids: road, sidewalk, ... bicycle"
    if len(classes) != len(_CLASSES):
        raise InputError(f"{what} has {len(classes)} classes, Cityscapes has 19", hint=hint)
    for entry, (name, _) in zip(classes, _CLASSES, strict=True):
        if _plain(entry.name) != _plain(name):
            raise InputError(
                f"class {entry.id} of {what} is {entry.name}, in Cityscapes it is {name}", hint=hint
            )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
