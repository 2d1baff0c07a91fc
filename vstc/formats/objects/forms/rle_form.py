"""The two codings of an RLE in JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from vstc.formats.objects.rle import Rle


class RleForm(StrEnum):
    """How masks are written: as compressed text, or as lists of counts."""

    COMPRESSED = "compressed"
    UNCOMPRESSED = "uncompressed"


def rle_json(rle: Rle, form: RleForm) -> dict[str, Any]:
    """Return a mask as plain JSON values."""
    if form is RleForm.COMPRESSED:
        return rle.as_json()
    return {"size": [rle.height, rle.width], "counts": rle.counts.tolist()}
