"""Tell the form of instance masks from a file, or from how a folder is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import MANIFEST, read_manifest
from vstc.artifacts.workspace import PROGRESS
from vstc.errors import InputError
from vstc.formats.objects.forms import coco, files, panoptic, sa_v, video_json
from vstc.formats.objects.forms.davis import annotations_folder
from vstc.formats.objects.id_masks import MASKS
from vstc.formats.objects.json_stream import JsonFile, JsonItem


class Form(StrEnum):
    """Forms that instance masks are read from."""

    AUTO = "auto"
    DAVIS = "davis"
    FILES = files.FORM
    YOUTUBE_VIS = video_json.FORM
    COCO = coco.FORM
    SA_V = sa_v.FORM
    PANOPTIC = panoptic.FORM
    CLASSES = "classes"


_HINT = f"name it with --format: {', '.join(form for form in Form if form is not Form.AUTO)}"


FILES_KIND = "vstc.instance-files"
_PREDICTIONS_KIND = "vstc.predictions"
_FILE_OF = {
    Form.YOUTUBE_VIS: "annotations.json",
    Form.COCO: "annotations.json",
    Form.PANOPTIC: "panoptic.json",
}


@dataclass(frozen=True)
class Located:
    """Masks whose form is known.

    Attributes:
        form: The form; never ``AUTO``.
        place: The file, or the folder of the files.
    """

    form: Form
    place: Path


def locate(place: Path, form: Form = Form.AUTO) -> Located:
    """Find out the form, and which file of an export of ours holds the masks.

    A folder of maps is taken as DAVIS's, since maps of classes look the same, unless a manifest
    says that they are our predictions.

    Raises:
        InputError: Nothing there, or nothing that is known.
    """
    if not place.exists():
        raise InputError(f"no instance masks at {place}: nothing is there")
    if place.is_dir() and ((place / MANIFEST).is_file() or (place / PROGRESS).is_file()):
        return _locate_in_artifact(place)
    if form is Form.AUTO:
        form = _form_of_folder(place) if place.is_dir() else _form_of_file(place)
    return Located(form, place)


def _locate_in_artifact(folder: Path) -> Located:
    manifest = read_manifest(folder)
    kind = manifest["kind"]
    if kind == _PREDICTIONS_KIND:
        return Located(Form.CLASSES, folder)
    if kind != FILES_KIND:
        raise InputError(
            f"{folder} is a {kind}, but a {FILES_KIND} or {_PREDICTIONS_KIND} is needed here"
        )
    form = Form(manifest["config"]["format"])
    return Located(form, folder / _FILE_OF.get(form, ""))


def _form_of_file(path: Path) -> Form:
    file = JsonFile(path)
    for item in file.items():
        if (form := _form_of_item(item, is_list=file.is_list)) is not None:
            return form
    return Form.COCO


def _form_of_item(item: JsonItem, *, is_list: bool) -> Form | None:
    members: dict[str, Any] = item.value if isinstance(item.value, dict) else {}
    if item.key == sa_v.MASKS:
        return Form.SA_V
    if item.key == "videos" or "segmentations" in members or "video_id" in members:
        return Form.YOUTUBE_VIS
    if "segments_info" in members:
        return Form.PANOPTIC
    if is_list or (item.key == "annotations" and item.index is not None):
        return Form.COCO
    return None


def _form_of_folder(folder: Path) -> Form:
    if any(folder.glob("*.json")):
        return Form.SA_V
    if any(path.with_suffix(".json").is_file() for path in folder.glob("*/*.png")):
        return Form.PANOPTIC
    place = annotations_folder(folder)
    if any(place.glob("*.png")) or any(place.glob("*/*.png")) or any(place.glob(f"*/{MASKS}")):
        return Form.DAVIS
    if any(folder.glob("*/*/*.png")):
        return Form.FILES
    raise InputError(f"the form of {folder} is not known", hint=_HINT)
