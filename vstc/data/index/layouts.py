"""The data sets whose layout is known: one file each, one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vstc.data.index.camvid import find_camvid
from vstc.data.index.cityscapes import find_cityscapes
from vstc.data.index.davis import find_davis
from vstc.data.index.source import Source
from vstc.data.index.youtube_vis import find_youtube_vis
from vstc.errors import unknown_name

LAYOUTS: dict[str, Callable[[Path], Source]] = {
    "camvid": find_camvid,
    "cityscapes": find_cityscapes,
    "davis": find_davis,
    "youtube-vis": find_youtube_vis,
}


def find_layout(name: str, root: Path) -> Source:
    """Find a known data set below ``root``.

    Raises:
        ConfigError: No layout has that name.
        InputError: It is not there, or not complete.
    """
    if name not in LAYOUTS:
        raise unknown_name("data set layout", name, LAYOUTS)
    return LAYOUTS[name](root)
