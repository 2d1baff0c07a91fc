"""Where the frames of trimaps are: a folder of images, a data set, or the frames of masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vstc.artifacts.manifest import InputRef, input_ref
from vstc.errors import InputError
from vstc.evaluation.trimaps.sequences import HERE, ImageSequences
from vstc.formats.dataset import INDEX, Clip, Dataset, VideoFrame, dataset_ref, load_dataset
from vstc.formats.images import IMAGE_SUFFIXES
from vstc.formats.objects.index import INDEX as MASKS
from vstc.formats.objects.index import KIND as MASKS_KIND
from vstc.formats.objects.store import InstanceArchive, InstanceClip


@dataclass(frozen=True)
class FrameClips:
    """The frames, by clip.

    Attributes:
        name: Name of the data set, or of the folder.
        clips: Clips of frames with absolute places, without labels, by their place.
        reference: What they are read from.
    """

    name: str
    clips: Mapping[str, Clip]
    reference: InputRef

    def clip_of(self, sequence: str) -> Clip | None:
        """Return the clip that a sequence of trimaps belongs to.

        The one called like it; else, going up, the one of its folders; else the images at the
        top, which have no folder of their own.
        """
        path = PurePosixPath(sequence)
        places = [str(place) for place in (path, *path.parents)]
        return next((self.clips[place] for place in places if place in self.clips), None)


def open_frames(path: Path) -> FrameClips:
    """Open frames.

    Args:
        path: A data set, instance masks that know their frames, or a folder with images or with
            folders of images.

    Raises:
        InputError: There are none.
    """
    if path.name == INDEX or (path / INDEX).is_file():
        dataset = load_dataset(path)
        clips = {clip.id: _placed(dataset, clip) for clip in dataset.clips}
        return FrameClips(dataset.name, clips, dataset_ref("frames", path))
    if (path / MASKS).is_file():
        archive = InstanceArchive(path)
        clips = {clip.id: _of_masks(archive, clip) for clip in archive.clips}
        return FrameClips(archive.name, clips, input_ref("frames", path, kind=MASKS_KIND))
    sequences = ImageSequences(path, IMAGE_SUFFIXES)
    found = {
        place: Clip(
            id=path.resolve().name if place == HERE else place,
            split="all",
            frame_step=1,
            frames=[str(file.absolute()) for file in files.values()],
        )
        for place, files in sequences.places.items()
    }
    return FrameClips(path.resolve().name, found, sequences.reference("frames"))


def _placed(dataset: Dataset, clip: Clip) -> Clip:
    """Return a clip that names its frames by absolute places, and has no labels."""
    frames: list[str | VideoFrame] = []
    for index in range(len(clip.frames)):
        source = dataset.frame_source(clip, index)
        if isinstance(source, VideoFrame):
            video = str(Path(source.video).absolute())
            frames.append(VideoFrame(video=video, index=source.index))
        else:
            frames.append(str(source.absolute()))
    return clip.model_copy(update={"frames": frames, "labels": {}, "instances": {}, "pseudo": {}})


def _of_masks(archive: InstanceArchive, clip: InstanceClip) -> Clip:
    images = [archive.frame_image(clip, index) for index in range(len(clip.frame_names))]
    known = [str(image.absolute()) for image in images if image is not None]
    if len(known) < len(images):
        raise InputError(
            f"{archive.folder} does not know the frames of {clip.id}",
            hint="give the folder of the images to --frames",
        )
    return Clip(id=clip.id, split="all", fps=clip.fps, frame_step=1, frames=list(known))
