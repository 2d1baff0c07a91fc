"""Open the files of another program: their form, their clips, and the images of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vstc.artifacts.fingerprint import file_sha256, fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref
from vstc.errors import InputError
from vstc.formats.dataset import INDEX, LabelClass, dataset_ref, load_dataset
from vstc.formats.objects.forms.class_maps import ObjectClasses, choose_classes, find_class_maps
from vstc.formats.objects.forms.coco import find_coco
from vstc.formats.objects.forms.davis import find_davis
from vstc.formats.objects.forms.detect import Form, locate
from vstc.formats.objects.forms.files import find_files
from vstc.formats.objects.forms.frame_images import (
    FrameImages,
    images_beside_masks,
    images_in_folder,
    images_of_dataset,
    with_images,
)
from vstc.formats.objects.forms.panoptic import find_panoptic
from vstc.formats.objects.forms.sa_v import find_sa_v
from vstc.formats.objects.forms.source import InstanceSource
from vstc.formats.objects.forms.video_json import find_youtube_vis
from vstc.formats.objects.store import refuse_inconsistent
from vstc.instances.exchange.settings import ImportSettings


@dataclass(frozen=True)
class OpenedSource:
    """Masks to import, checked as far as names and sizes go.

    Attributes:
        masks: The masks.
        root: Folder of the images; None when there are none.
        inputs: What is read.
    """

    masks: InstanceSource
    root: Path | None
    inputs: tuple[InputRef, ...]


def open_source(place: Path, settings: ImportSettings) -> OpenedSource:
    """Open masks and find the images of their frames.

    Args:
        place: A file or folder.
        settings: Its form, and what to read of it.

    Raises:
        ConfigError: Unknown clips or classes.
        InputError: Something is missing or wrong; names it.
    """
    masks = _find(place, settings).select(settings.clips)
    if not masks.clips:
        raise InputError(f"{place} holds no clips")
    if settings.fps is not None:
        masks = replace(masks, clips=tuple(replace(c, fps=settings.fps) for c in masks.clips))
    if settings.identity is not None:
        masks = replace(masks, has_identity=settings.identity)
    images = _images(masks, settings)
    inputs = [_source_ref(place, masks)]
    if settings.dataset is not None:
        inputs.append(_file_ref("dataset", Path(settings.dataset)))
    if images is not None:
        masks = with_images(masks, images, settings.missing_masks)
        inputs.append(_images_ref(masks, images, settings))
    refuse_inconsistent(masks.categories, masks.clips, place)
    return OpenedSource(masks, None if images is None else images.root, tuple(inputs))


def _find(given: Path, settings: ImportSettings) -> InstanceSource:
    located = locate(given, settings.format)
    form, place = located.form, located.place
    names = None if settings.dataset is None else Path(settings.dataset)
    if form is Form.DAVIS:
        return find_davis(place)
    if form is Form.FILES:
        return find_files(place)
    if form is Form.YOUTUBE_VIS:
        return find_youtube_vis(place, names)
    if form is Form.COCO:
        return find_coco(place, names)
    if form is Form.SA_V:
        return find_sa_v(place)
    if form is Form.PANOPTIC:
        return find_panoptic(place, with_stuff=settings.stuff)
    categories = choose_classes(settings.objects, _class_table(settings))
    return find_class_maps(place, ObjectClasses(tuple(categories), settings.min_area))


def _class_table(settings: ImportSettings) -> Sequence[LabelClass]:
    """Take the classes of the data set that names the frames, where there is one."""
    if settings.frames is None or not _is_dataset(Path(settings.frames)):
        return ()
    return load_dataset(Path(settings.frames)).classes


def _images(masks: InstanceSource, settings: ImportSettings) -> FrameImages | None:
    if settings.frames is None:
        return images_beside_masks(masks)
    place, clip_ids = Path(settings.frames), [clip.id for clip in masks.clips]
    if _is_dataset(place):
        return images_of_dataset(load_dataset(place), clip_ids)
    return images_in_folder(place, clip_ids)


def _is_dataset(place: Path) -> bool:
    return place.name == INDEX or (place / INDEX).is_file()


def _source_ref(place: Path, masks: InstanceSource) -> InputRef:
    if place.is_dir() and (place / MANIFEST).is_file():
        return input_ref("masks", place)
    if masks.files is None:
        return _file_ref("masks", masks.place)
    identity = fingerprint_files(masks.place, masks.files)
    return InputRef(role="masks", path=str(place), kind="raw", id=identity)


def _file_ref(role: str, path: Path) -> InputRef:
    if not path.is_file():
        raise InputError(f"file not found: {path}")
    return InputRef(role=role, path=str(path), kind="raw", id=file_sha256(path)[:16])


def _images_ref(masks: InstanceSource, images: FrameImages, settings: ImportSettings) -> InputRef:
    if settings.frames is not None and _is_dataset(Path(settings.frames)):
        return dataset_ref("frames", Path(settings.frames))
    names = [name for clip in masks.clips for name in clip.frames or ()]
    identity = fingerprint_files(images.root, names)
    place = settings.frames or str(images.root)
    return InputRef(role="frames", path=place, kind="raw", id=identity)
