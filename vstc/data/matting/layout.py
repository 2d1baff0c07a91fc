"""Find foregrounds, their alpha and backgrounds, and decide which go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import InputRef
from vstc.data.index.source import natural_key
from vstc.data.matting.settings import MattingSettings
from vstc.errors import InputError
from vstc.formats.images import IMAGE_SUFFIXES, image_size

_ALPHA = ("alpha", "alphas", "matte", "mattes", "mask")
_FOREGROUND = ("fg", "foreground", "foregrounds", "image", "images", "original")
_BACKGROUND = ("bg", "background", "backgrounds")


@dataclass(frozen=True)
class Foreground:
    """An object with its alpha.

    Attributes:
        id: Its name without suffix; may hold slashes.
        image: The image, relative to the root.
        alpha: The alpha, relative to the root.
        backgrounds: What it is put over, relative to the root; none leaves it as it is.
    """

    id: str
    image: str
    alpha: str
    backgrounds: tuple[str, ...]

    @property
    def frame_names(self) -> list[str]:
        """Names of the frames, unique in the data set's folders."""
        stem = PurePosixPath(self.id).name
        return [f"{stem}_{index:03d}" for index in range(max(1, len(self.backgrounds)))]


@dataclass(frozen=True)
class MattingFiles:
    """A folder of foregrounds, alpha and backgrounds.

    Attributes:
        place: As given.
        root: The folder.
        foregrounds: In natural order.
        num_backgrounds: How many there are to choose from.
    """

    place: str
    root: Path
    foregrounds: tuple[Foreground, ...]
    num_backgrounds: int

    def as_input(self) -> InputRef:
        """Refer to the files by their names and sizes."""
        names = {f.image for f in self.foregrounds} | {f.alpha for f in self.foregrounds}
        names |= {name for f in self.foregrounds for name in f.backgrounds}
        identity = fingerprint_files(self.root, names)
        return InputRef(role="source", path=self.place, kind="raw", id=identity)


def find_matting(root: Path, settings: MattingSettings) -> MattingFiles:
    """Pair foregrounds and alpha by name, and deal backgrounds out to them.

    All backgrounds are used before one comes again; a foreground never meets one twice while
    there are others.

    Args:
        root: Holds a folder ``alpha``, one ``fg``, and perhaps one ``bg`` (or other usual names).
        settings: How many backgrounds for each, and the seed.

    Raises:
        InputError: A folder is missing, or a foreground without alpha, or of another size.
    """
    place = root.resolve()
    alphas = _by_stem(place, _folder(place, _ALPHA, "alpha"))
    images = _by_stem(place, _folder(place, _FOREGROUND, "foregrounds"))
    folder = next((name for name in _BACKGROUND if (place / name).is_dir()), None)
    backgrounds = list(_by_stem(place, place / folder).values()) if folder else []
    if folder and not backgrounds:
        raise InputError(f"{place / folder} holds no images")
    _refuse_unpaired(alphas, images, root)
    if not images:
        raise InputError(f"{root} holds no foregrounds")
    foregrounds = tuple(
        Foreground(name, images[name], alphas[name], _deal(backgrounds, settings, index))
        for index, name in enumerate(images)
    )
    for foreground in foregrounds:
        _refuse_other_size(foreground, place)
    return MattingFiles(str(root), place, foregrounds, len(backgrounds))


def _folder(root: Path, names: Sequence[str], what: str) -> Path:
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise InputError(
        f"{root} has no folder of {what}", hint=f"call it {names[0]}; also read: {names[1:]}"
    )


def _by_stem(root: Path, folder: Path) -> dict[str, str]:
    """Name the images below a folder by their paths in it without suffix."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: natural_key(path.as_posix())):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise InputError(f"{folder} has two images of the name {name}")
        found[name] = path.relative_to(root).as_posix()
    return found


def _refuse_unpaired(alphas: dict[str, str], images: dict[str, str], root: Path) -> None:
    for what, other, some, others in (
        ("foreground", "alpha", images, alphas),
        ("alpha", "foreground", alphas, images),
    ):
        lacking = [name for name in some if name not in others]
        if lacking:
            raise InputError(
                f"{root}: {len(lacking)} {what}(s) have no {other}, first: {some[lacking[0]]}",
                hint="they need the same names; suffixes may differ",
            )


def _deal(backgrounds: Sequence[str], settings: MattingSettings, place: int) -> tuple[str, ...]:
    """Give the backgrounds of the foreground at a place, in turn from one shuffled round."""
    if not backgrounds:
        return ()
    order = np.random.default_rng(settings.seed).permutation(len(backgrounds)).tolist()
    first = place * settings.backgrounds_each
    turns = range(first, first + settings.backgrounds_each)
    return tuple(backgrounds[order[turn % len(order)]] for turn in turns)


def _refuse_other_size(foreground: Foreground, root: Path) -> None:
    (height, width), found = (
        image_size(root / foreground.image),
        image_size(root / foreground.alpha),
    )
    if found != (height, width):
        raise InputError(
            f"alpha {root / foreground.alpha} is {found[1]}x{found[0]}, its foreground "
            f"{width}x{height}",
            hint="make the alpha again at the size of the foreground",
        )
