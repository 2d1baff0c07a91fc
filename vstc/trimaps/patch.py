"""The part of an image where an object is, so that work does not grow with the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.formats.objects.rle import Rle, decode_mask

Size = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A rectangle inside a frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a frame with."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    def grown(self, by: int, *, size: Size) -> Window:
        """Return the window with a margin on all sides, as far as the frame goes."""
        top, left = max(self.top - by, 0), max(self.left - by, 0)
        bottom = min(self.top + self.height + by, size[0])
        right = min(self.left + self.width + by, size[1])
        return Window(top, left, bottom - top, right - left)

    def covers(self, size: Size) -> bool:
        """Tell whether this is the whole frame."""
        return (self.height, self.width) == size


@dataclass(frozen=True, eq=False)
class Patch:
    """An image of a frame's size that is 0 outside of a window.

    Attributes:
        window: Where the values lie.
        values: (window.height, window.width) uint8.
    """

    window: Window
    values: NDArray[np.uint8]

    def grown(self, by: int, *, size: Size) -> Patch:
        """Return the same image in a window with a margin."""
        outer, inner = self.window.grown(by, size=size), self.window
        top, left = inner.top - outer.top, inner.left - outer.left
        bottom = outer.height - inner.height - top
        right = outer.width - inner.width - left
        values = cv2.copyMakeBorder(
            self.values, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(0,)
        )
        return Patch(outer, np.asarray(values, np.uint8))

    def image(self, size: Size) -> NDArray[np.uint8]:
        """Return the whole image, (H, W)."""
        image = np.zeros(size, np.uint8)
        image[self.window.slices] = self.values
        return image


def patch_of_image(image: NDArray[np.uint8]) -> Patch | None:
    """Cut an (H, W) image to the bounding box of what is not 0; None when all is 0."""
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(image))
    if not width:
        return None
    window = Window(top, left, height, width)
    return Patch(window, np.ascontiguousarray(image[window.slices]))


def patch_of_mask(rle: Rle) -> Patch | None:
    """Decode a mask to 0 and 255 within its bounding box; None when it is empty."""
    left, top, width, height = rle.bounding_box()
    if not width:
        return None
    window = Window(top, left, height, width)
    mask = np.ascontiguousarray(decode_mask(rle)[window.slices])
    return Patch(window, mask.view(np.uint8) * np.uint8(255))
