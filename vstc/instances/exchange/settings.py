"""Settings of import and export."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vstc.config import Settings
from vstc.formats.objects.forms.detect import Form
from vstc.formats.objects.forms.frame_images import MissingMasks
from vstc.formats.objects.forms.painting import Overlap
from vstc.formats.objects.forms.rle_form import RleForm


class ImportSettings(Settings):
    """How instance masks are read.

    Attributes:
        format: The form of the files; ``auto`` tells it from them.
        name: Name of the archive; default: of the source.
        dataset: For results in JSON: the file that names videos or images, and categories.
        frames: Folder of the images of the frames, or a data set.
        clips: Read these clips only.
        objects: For maps of classes: names or ids of the classes that are objects.
        min_area: For maps of classes: parts with fewer pixels are left out.
        stuff: For panoptic maps: read stuff too, such as sky.
        identity: Whether a track is the same object in all frames; default: what the form says.
        missing_masks: Frames with an image and no mask file are an ``error``, frames without
            objects (``empty``), or no frames (``skip``). Files that list their frames skip all
            other images unless told otherwise.
        fps: Frames per second of all clips.
    """

    format: Form = Form.AUTO
    name: str | None = None
    dataset: str | None = None
    frames: str | None = None
    clips: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    min_area: int = Field(64, ge=1)
    stuff: bool = False
    identity: bool | None = None
    missing_masks: MissingMasks | None = None
    fps: float | None = Field(None, gt=0, le=10000)


class ExportSettings(Settings):
    """How instance masks are written.

    Attributes:
        format: The form of the files.
        clips: Write these clips only.
        overlap: Forms with one object per pixel: masks that overlap are an ``error``, or such
            pixels go to the higher ``score``.
        rle: Masks in annotations are ``compressed`` or ``uncompressed``.
    """

    format: Literal["davis", "files", "youtube-vis", "coco", "sa-v", "panoptic"] = "davis"
    clips: tuple[str, ...] = ()
    overlap: Overlap = Overlap.ERROR
    rle: RleForm = RleForm.COMPRESSED
