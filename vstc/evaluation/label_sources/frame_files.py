"""Which file below a folder belongs to which frame, whatever the folder is laid out like."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, VideoFrame

CITYSCAPES_FRAME = "_leftImg8bit"
_CLIPS_KEPT = 64


class FrameFiles:
    """Finds the files of frames; every frame has one or none, and anything else is an error.

    A file is called after its frame: the name, the name without ``_leftImg8bit``, or either of
    them with ``_`` and one of some known endings. It lies in a folder called like the clip, in
    one called like the folder of the frame (Cityscapes' frames only), or in no folder.

    Args:
        folder: The folder.
        dataset: The data set whose frames are looked for.
        suffix: Suffix of the files, such as ``.png``.
        endings: What may follow the name of the frame.

    Attributes:
        example: Some file of a frame.

    Raises:
        InputError: No frame has a file, or the first clip that has some fails as ``of``.
    """

    def __init__(
        self, folder: Path, dataset: Dataset, *, suffix: str, endings: Collection[str]
    ) -> None:
        self._folder = folder
        self._dataset = dataset
        self._suffix = suffix
        self._endings = tuple(f"_{ending}" for ending in endings)
        self._listing = lru_cache(_CLIPS_KEPT)(self._list)
        self._in_clip = lru_cache(_CLIPS_KEPT)(lambda clip_id: self._find(dataset.clip(clip_id)))
        found = next((files for clip in dataset.clips if (files := self.of(clip))), None)
        if found is None:
            raise self._nothing_found()
        self.example = next(iter(found.values()))

    def of(self, clip: Clip) -> Mapping[str, Path]:
        """Return the files of a clip by the name of the frame.

        Raises:
            InputError: Two files for a frame, or a file that frames of two clips could mean.
        """
        found: Mapping[str, Path] = self._in_clip(clip.id)
        return found

    def path(self, clip: Clip, frame_name: str) -> Path:
        """Return the file of a frame.

        Raises:
            InputError: It has none.
        """
        found = self.of(clip).get(frame_name)
        if found is None:
            raise InputError(f"frame {frame_name} of clip {clip.id} has no file in {self._folder}")
        return found

    def _find(self, clip: Clip) -> dict[str, Path]:
        found: dict[str, Path] = {}
        known = set(clip.frame_names)
        for frame_name, frame in zip(clip.frame_names, clip.frames, strict=True):
            stems = self._stems_of(frame_name, known)
            files = [
                self._folder / place / f"{stem}{self._suffix}"
                for place in _places(clip, frame)
                for stem in sorted(stems & self._listing(place))
            ]
            if len(files) > 1:
                raise InputError(
                    f"frame {frame_name} of clip {clip.id} has {len(files)} files: "
                    f"{files[0]} and {files[1]}",
                    hint="keep one of them, or say with --format which kind is meant",
                )
            if files:
                self._refuse_shared(clip, frame_name, files[0])
                found[frame_name] = files[0]
        return found

    def _stems_of(self, frame_name: str, known: set[str]) -> set[str]:
        """Return the file stems that may mean a frame, but none that is the name of another."""
        names = {frame_name, frame_name.removesuffix(CITYSCAPES_FRAME)}
        stems = names | {name + ending for name in names for ending in self._endings}
        return {stem for stem in stems if stem == frame_name or stem not in known}

    def _refuse_shared(self, clip: Clip, frame_name: str, path: Path) -> None:
        if path.parent == self._folder and len(self._bearers[frame_name]) > 1:
            raise InputError(
                f"several clips have a frame {frame_name}: {path} could belong to clip {clip.id} "
                "or to another",
                hint="put the files of each clip into a folder named after it",
            )

    @cached_property
    def _bearers(self) -> dict[str, set[object]]:
        """The frames that bear a name; a frame that stands in two clips counts once."""
        bearers: dict[str, set[object]] = {}
        for clip in self._dataset.clips:
            for frame_name, frame in zip(clip.frame_names, clip.frames, strict=True):
                place = frame if isinstance(frame, str) else (frame.video, frame.index)
                bearers.setdefault(frame_name, set()).add(place)
        return bearers

    def _list(self, place: str) -> frozenset[str]:
        """List the stems of the files in one folder."""
        try:
            names = [entry.name for entry in (self._folder / place).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        except OSError as error:
            raise InputError(f"cannot read {self._folder / place}: {error.strerror}") from error
        return frozenset(n.removesuffix(self._suffix) for n in names if n.endswith(self._suffix))

    def _nothing_found(self) -> InputError:
        clips = self._dataset.clips
        hint = f"data set {self._dataset.name} has no clips"
        if clips:
            hint = f"files must be named like {clips[0].id}/{clips[0].frame_names[0]}{self._suffix}"
        return InputError(
            f"{self._folder} holds no prediction for any of {len(clips)} clips", hint=hint
        )


def _places(clip: Clip, frame: str | VideoFrame) -> Iterator[str]:
    """Give the folders that the file of a frame may lie in, each once."""
    yield clip.id
    if isinstance(frame, str) and (path := PurePosixPath(frame)).stem.endswith(CITYSCAPES_FRAME):
        city = path.parent.name
        if city not in (clip.id, ""):
            yield city
    yield "."
