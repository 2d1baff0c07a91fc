"""What an exported program says of itself: classes, pixels, and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstc.errors import InputError
from vstc.formats.dataset import LabelClass
from vstc.models.pixels import IMAGENET_RGB, InputConvention

SCHEMA = "vstc.program"
SCHEMA_VERSION = 1
CALLING = (
    "one input: RGB pixels uint8 (N, 3, H, W), 0..255, at input_scale times the size of the "
    "frame; one output: class scores float32 (N, K, H, W), before softmax"
)

Three = tuple[float, float, float]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Pixels(_Record):
    """How RGB pixels of 0..255 become what the layers see.

    Attributes:
        order: Order of the channels in the layers.
        mean: Subtracted, in that order.
        std: Divides the difference.
        is_inside: The program does it; else whoever calls it.
    """

    order: Literal["RGB", "BGR"] = IMAGENET_RGB.order
    mean: Three = IMAGENET_RGB.mean
    std: Three = IMAGENET_RGB.std
    is_inside: bool = False

    def convention(self) -> InputConvention:
        """Return it as networks of the catalog have it."""
        return InputConvention(self.order, self.mean, self.std)


class ProgramSource(_Record):
    """What a program was exported from.

    Attributes:
        id: Id of the run, or of the file.
        model: Name of the architecture.
        step: Training step.
        weights: Fingerprint of the weights; a refiner of the network knows them by it.
    """

    id: str
    model: str
    step: int = 0
    weights: str | None = None


class ProgramDescription(_Record):
    """The content of ``extra/vstc.json``.

    Attributes:
        classes: What the channels of the output stand for, ids 0 .. K-1.
        ignore_index: The label of void.
        input_scale: Factor between a frame and the program's input.
        pixels: How pixels are normalised.
        align_corners: An output smaller than the input has its corner cells on the corner
            pixels; else its cells share the area of the image.
        calling: The calling convention in words, for other programs.
        source: What it was exported from; None where nobody knows.
    """

    schema_name: Literal["vstc.program"] = Field("vstc.program", alias="schema")
    schema_version: int = SCHEMA_VERSION
    classes: list[LabelClass]
    ignore_index: int = 255
    input_scale: float = Field(1.0, gt=0)
    pixels: Pixels = Pixels()
    align_corners: bool = False
    calling: str | None = None
    source: ProgramSource | None = None

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return self.model_dump(mode="json", by_alias=True)


def read_description(text: str, path: Path) -> ProgramDescription:
    """Read the description of a program.

    Raises:
        InputError: Damaged, or of a newer version.
    """
    try:
        content = json.loads(text)
        version = int(content["schema_version"])
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{path} was written by a newer vstc: it has schema version {version}, "
                f"this one reads up to {SCHEMA_VERSION}",
                hint="pip install --upgrade vstc",
            )
        return ProgramDescription.model_validate(content)
    except (ValidationError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"the description in {path} is damaged: {str(error).splitlines()[0]}",
            hint="export it again",
        ) from error
