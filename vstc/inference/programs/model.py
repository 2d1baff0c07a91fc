"""An exported program in the place of a network: frames of any size in, logits of that size out."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812

from vstc.errors import InputError
from vstc.inference.programs.archive import SCALAR_TYPES, ProgramArchive
from vstc.inference.programs.description import Pixels, ProgramSource
from vstc.inference.programs.graph import ProgramGraph
from vstc.inference.programs.sizes import Length, read_length
from vstc.models.segmentation_model import SegmentationModel, SegmentationOutput, SizeRule

_FLOATS = (torch.float32, torch.float16, torch.bfloat16)
_WANTED = (
    "one input (N, 3, H, W), normalised float or uint8 0..255, and one output of class scores "
    "(N, K, h, w)"
)
_MOST_CLASSES = 255


class ProgramModel(SegmentationModel):
    """A program as a segmentation network: a black box without features.

    Frames are filled up to a size that the program takes, by their last row and column; for a
    program of one fixed size they are resized to it, and the logits back.

    Args:
        archive: The file.
        pixels: How pixels are normalised for a program that takes floats.
        align_corners: How an output smaller than the input lies on it.
        source: What it was exported from, if that is known.

    Attributes:
        path: The file.
        dtype: Type of the input.
        batch: Images at once.
        height: Heights that it takes.
        width: Widths that it takes.
        source: What it was exported from.

    Raises:
        InputError: Its inputs or outputs are of another kind.
    """

    output_stride = 1
    size_rule = SizeRule(multiple=1, offset=0)
    aux: None

    def __init__(
        self,
        archive: ProgramArchive,
        *,
        pixels: Pixels,
        align_corners: bool = False,
        source: ProgramSource | None = None,
    ) -> None:
        graph = ProgramGraph(archive)
        super().__init__(
            name="program" if source is None else source.model,
            num_classes=_count_classes(graph, archive.path),
            convention=pixels.convention(),
        )
        self.aux = None
        self.graph = graph
        self.path = archive.path
        self.source = source
        self._pixels = pixels
        self._align_corners = align_corners
        self._read_input()

    def _read_input(self) -> None:
        meta = self.graph.input_meta
        try:
            self.dtype = SCALAR_TYPES.get(meta["dtype"], torch.bool)
            lengths = [read_length(size, self.graph.ranges) for size in meta["sizes"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._misfit(str(error)) from error
        shown = ", ".join(str(length) for length in lengths)
        channels = [i for i in (1, 3) if len(lengths) == 4 and lengths[i] == Length(0, 3)]
        if not channels or self.dtype not in (*_FLOATS, torch.uint8):
            raise self._misfit(f"its input is {self.dtype} of ({shown})")
        self._has_channels_last = channels[0] == 3
        self.batch = lengths[0]
        self.height, self.width = lengths[1:3] if self._has_channels_last else lengths[2:4]
        symbols = [length.symbol for length in lengths if length.symbol is not None]
        if len(set(symbols)) < len(symbols):
            raise self._misfit("its sizes are tied to one another")
        if self.batch.fit(1) != 1:
            raise self._misfit(f"it takes {self.batch} images at once, and here frames come singly")

    def forward(self, images: torch.Tensor, *, num_aux: int | None = None) -> SegmentationOutput:
        """Return class scores at the size of the images; arguments as in all networks.

        Raises:
            InputError: The program takes no images as large as these, or fails.
        """
        del num_aux
        size = (images.shape[-2], images.shape[-1])
        inside = self._to_own_size(images.float(), size)
        given = self._as_input(inside)
        chunks = given.chunk(len(given)) if self.batch.is_fixed else (given,)
        scores = torch.cat([self._run(chunk) for chunk in chunks])
        own_size = (inside.shape[-2], inside.shape[-1])
        scores = _resized(scores, own_size, align_corners=self._align_corners)
        if self._is_resizing:
            scores = _resized(scores, size, align_corners=False)
        logits = scores[:, :, : size[0], : size[1]]
        return SegmentationOutput(logits, (), logits.new_empty(len(logits), 0, 1, 1))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Refuse: a program is one piece.

        Raises:
            InputError: Always.
        """
        raise InputError(f"{self.path} is an exported program, which has no separate head")

    @property
    def _is_resizing(self) -> bool:
        return self.height.is_fixed or self.width.is_fixed

    def _to_own_size(self, images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        try:
            height, width = self.height.fit(size[0]), self.width.fit(size[1])
        except ValueError as error:
            raise InputError(
                f"frames of {size[0]} x {size[1]} are too large for {self.path}: {error}",
                hint="export it for larger images",
            ) from error
        if (height, width) == size:
            return images
        if self._is_resizing:
            return F.interpolate(
                images, (height, width), mode="bilinear", align_corners=False, antialias=True
            )
        return F.pad(images, (0, width - size[1], 0, height - size[0]), mode="replicate")

    def _as_input(self, images: torch.Tensor) -> torch.Tensor:
        if self.dtype == torch.uint8:
            values = images.round().clamp(0, 255)
        else:
            # A copy: the program may write over what it is given.
            values = images.clone() if self._pixels.is_inside else self.normalize(images)
        values = values.to(self.dtype)
        return values.permute(0, 2, 3, 1).contiguous() if self._has_channels_last else values

    def _run(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.graph(images)
        if scores.ndim != 4 or scores.shape[:2] != (len(images), self.num_classes):
            raise InputError(
                f"{self.path} returned {tuple(scores.shape)} for {len(images)} image(s), "
                f"not (N, {self.num_classes}, h, w)"
            )
        return scores.float()

    def _misfit(self, reason: str) -> InputError:
        return _misfit(self.path, reason)


def _count_classes(graph: ProgramGraph, path: Path) -> int:
    try:
        sizes, dtype = graph.output_meta["sizes"], SCALAR_TYPES.get(graph.output_meta["dtype"])
        shown = ", ".join(str(size.get("as_int", "*")) for size in sizes)
        classes = sizes[1].get("as_int") if len(sizes) == 4 else None
    except (KeyError, TypeError, AttributeError) as error:
        raise _misfit(path, f"it describes no output: {error}") from error
    if dtype not in _FLOATS or not isinstance(classes, int) or not 2 <= classes <= _MOST_CLASSES:
        raise _misfit(path, f"its output is {dtype} of ({shown})")
    return classes


def _misfit(path: Path, reason: str) -> InputError:
    return InputError(
        f"exported program {path} cannot be called as a segmentation network: {reason}",
        hint=f"export a program with {_WANTED}",
    )


def _resized(scores: torch.Tensor, size: tuple[int, int], *, align_corners: bool) -> torch.Tensor:
    if tuple(scores.shape[-2:]) == size:
        return scores
    return F.interpolate(scores, size, mode="bilinear", align_corners=align_corners)
