"""Where the cells of a coarse map lie in an image, and values read at the cells of another.

Networks put the corner cells of their maps on the corner pixels; image resizing shares the area
of the image out among the cells. A quarter-size map of the second kind lies 1.5 pixels beside one
of the first, so that the two are not taken for one another here.

Shapes: B images, C channels, h x w cells, H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

Size = tuple[int, int]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Grid:
    """Cells (i, j) that lie at pixel (offset + step * i, offset + step * j) of an image.

    Attributes:
        size: (h, w) cells.
        step: Pixels from a cell to the next, (y, x).
        offset: Pixel of the first cell, (y, x).
    """

    size: Size
    step: Pair
    offset: Pair

    @classmethod
    def on_corners(cls, size: Size, image_size: Size) -> Grid:
        """Place the corner cells on the corner pixels (`align_corners=True`), as networks do.

        Args:
            size: (h, w) cells.
            image_size: (H, W) pixels.
        """
        steps = [
            (pixels - 1) / (cells - 1) if cells > 1 else 1.0
            for cells, pixels in zip(size, image_size, strict=True)
        ]
        return cls(size, (steps[0], steps[1]), (0.0, 0.0))

    @classmethod
    def over_area(cls, size: Size, image_size: Size) -> Grid:
        """Share the area of the image out among the cells, as image resizing does.

        Args:
            size: (h, w) cells.
            image_size: (H, W) pixels.
        """
        steps = [pixels / cells for cells, pixels in zip(size, image_size, strict=True)]
        return cls(size, (steps[0], steps[1]), (steps[0] / 2 - 0.5, steps[1] / 2 - 0.5))

    def positions_of(self, target: Grid, *, device: torch.device) -> tuple[torch.Tensor, ...]:
        """Return where the rows and the columns of another grid lie, in cells of this one."""
        places = []
        for axis in (0, 1):
            cells = torch.arange(target.size[axis], device=device, dtype=torch.float32)
            pixels = target.offset[axis] + target.step[axis] * cells
            places.append((pixels - self.offset[axis]) / self.step[axis])
        return tuple(places)


def resample(values_BChw: torch.Tensor, source: Grid, target: Grid) -> torch.Tensor:
    """Read values bilinearly at the cells of another grid; beyond the border its value holds.

    Args:
        values_BChw: Values at the cells of `source`.
        source: Their grid.
        target: The grid wanted, of the same image.

    Returns:
        (B, C, *target.size); the input itself where both grids are one.
    """
    if tuple(values_BChw.shape[-2:]) != source.size:
        raise ValueError(f"values {tuple(values_BChw.shape)} do not lie on a grid of {source.size}")
    if source == target:
        return values_BChw
    rows, columns = source.positions_of(target, device=values_BChw.device)
    last = [max(length - 1, 1) for length in source.size]
    y, x = torch.meshgrid(rows * 2 / last[0] - 1, columns * 2 / last[1] - 1, indexing="ij")
    places = torch.stack((x, y), dim=-1).expand(len(values_BChw), -1, -1, -1)
    return F.grid_sample(
        values_BChw.float(), places, mode="bilinear", padding_mode="border", align_corners=True
    )
