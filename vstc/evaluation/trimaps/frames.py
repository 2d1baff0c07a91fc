"""Where the frames of trimaps are: a folder of images, or a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vstc.artifacts.manifest import InputRef
from vstc.evaluation.trimaps.sequences import HERE, ImageSequences
from vstc.formats.dataset import INDEX, Clip, Dataset, VideoFrame, dataset_ref, load_dataset
from vstc.formats.images import IMAGE_SUFFIXES


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
        path: A data set, or a folder with images or with folders of images.

    Raises:
        InputError: There are none.
    """
    if path.name == INDEX or (path / INDEX).is_file():
        dataset = load_dataset(path)
        clips = {clip.id: _placed(dataset, clip) for clip in dataset.clips}
        return FrameClips(dataset.name, clips, dataset_ref("frames", path))
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
