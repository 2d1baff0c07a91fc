"""One bad moment of a run as a row of pictures: what there is, what was said, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader
from vstc.report.blocks import Picture
from vstc.report.flicker import ChangeFinder, LabelMaps, TrueLabels
from vstc.report.lows import Low
from vstc.report.numbers import percent
from vstc.report.pictures import fit_labels, mark, overlay, picture

_MAX_WIDTH = 360

Row = tuple[str, tuple[Picture, ...]]


@dataclass(frozen=True)
class Closeups:
    """Draws bad moments of one run.

    Attributes:
        name: The run.
        color: Its colour.
        dataset: What it was judged on.
        frames: Reads its frames.
        labels: What it predicted.
        finder: Finds labels that change along the flow.
    """

    name: str
    color: str
    dataset: Dataset
    frames: FrameReader
    labels: LabelMaps
    finder: ChangeFinder

    def pair(self, low: Low) -> Row:
        """Show two neighbouring frames and the pixels that change their label between them.

        Raises:
            InputError: Frames, labels or flow are gone or cannot be read.
        """
        clip = self._clip(low.clip, last=low.index + 1)
        seen = [self._predicted(clip, index) for index in (low.index, low.index + 1)]
        change = self.finder.between(self.labels, clip, low.index)
        marked = _marked(seen[change.frame - low.index], change.is_changed)
        pictures = (
            *self._truth(clip, low.index),
            self._own(seen[0]),
            self._own(seen[1], note="next frame"),
            _small(marked, caption="changed", note=f"{percent(change.share)} %"),
        )
        before, after = clip.frame_names[low.index], clip.frame_names[low.index + 1]
        told = f"{percent(low.value)} % agree, {percent(low.usual)} % is usual"
        return f"{clip.id} / {before} to {after}: {told}", pictures

    def frame(self, low: Low) -> Row:
        """Show a frame and the pixels of it that are wrong.

        Raises:
            InputError: Frame or labels are gone or cannot be read.
        """
        clip = self._clip(low.clip, last=low.index)
        seen = self._predicted(clip, low.index)
        is_wrong, share = self._wrong(clip, low.index)
        pictures = (
            *self._truth(clip, low.index),
            self._own(seen),
            _small(_marked(seen, is_wrong), caption="wrong", note=f"{percent(share)} %"),
        )
        told = f"mIoU {percent(low.value)} %, {percent(low.usual)} % is usual"
        return f"{clip.id} / {clip.frame_names[low.index]}: {told}", pictures

    def _clip(self, clip_id: str, *, last: int) -> Clip:
        clip = self.dataset.clip(clip_id)
        if last >= len(clip.frames):
            raise InputError(
                f"clip {clip_id} of {self.dataset.name} has {len(clip.frames)} frames now, "
                f"frame {last} was judged"
            )
        return clip

    def _truth(self, clip: Clip, index: int) -> list[Picture]:
        """Show a frame bare, and with its true labels where it has them."""
        image = self.frames.read(clip, index)
        views = [_small(image, caption="frame")]
        truth = TrueLabels(self.dataset)
        if truth.has(clip, index):
            seen = overlay(image, truth.read(clip, index), self.dataset.palette())
            views.append(_small(seen, caption="true label"))
        return views

    def _predicted(self, clip: Clip, index: int) -> NDArray[np.uint8]:
        image = self.frames.read(clip, index)
        return overlay(image, self.labels.read(clip, index), self.dataset.palette())

    def _own(self, image: NDArray[np.uint8], *, note: str = "") -> Picture:
        return _small(image, caption=self.name, color=self.color, note=note)

    def _wrong(self, clip: Clip, index: int) -> tuple[NDArray[np.bool_], float]:
        """Find the wrong pixels of a labelled frame, and their share of those that count."""
        true_labels = TrueLabels(self.dataset).read(clip, index)
        is_class = np.zeros(256, bool)
        is_class[[entry.id for entry in self.dataset.classes]] = True
        is_counted = is_class[true_labels]
        predicted = fit_labels(self.labels.read(clip, index), true_labels.shape)
        is_wrong = is_counted & (predicted != true_labels)
        return is_wrong, float(is_wrong.sum() / max(1, is_counted.sum()))


def _marked(seen: NDArray[np.uint8], is_meant: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Mark pixels of a picture by a map that may be of another size."""
    return mark(seen, fit_labels(is_meant.astype(np.uint8), seen.shape[:2]) > 0)


def _small(image: NDArray[np.uint8], *, caption: str, color: str = "", note: str = "") -> Picture:
    return picture(image, caption=caption, color=color, note=note, max_width=_MAX_WIDTH)
