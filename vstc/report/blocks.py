"""What a report page is made of: sections of tables, charts, pictures and commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it says.
        note: A small addition, such as the difference to the first run.
        tone: ``good`` or ``bad`` colours the note.
        is_best: The best value of its column.
        color: A colour chip in front of the text.
        is_prose: Words among figures: set to the left, and broken into lines.
    """

    text: str
    note: str = ""
    tone: str = ""
    is_best: bool = False
    color: str = ""
    is_prose: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first column holds names, the others figures unless ``is_prose``."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    caption: str = ""
    is_prose: bool = False
    template: ClassVar[str] = "table"


@dataclass(frozen=True)
class Tile:
    """A large figure at the top of the page."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Tiles:
    """A row of large figures."""

    tiles: tuple[Tile, ...]
    template: ClassVar[str] = "tiles"


@dataclass(frozen=True)
class Legend:
    """Colour chips with names; ``entries`` holds (name, colour)."""

    entries: tuple[tuple[str, str], ...]
    title: str = ""
    template: ClassVar[str] = "legend"


@dataclass(frozen=True)
class Chart:
    """A chart as inline SVG, with its name and a small addition to it."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Charts:
    """Charts side by side where there is room, with one legend for all."""

    charts: tuple[Chart, ...]
    title: str = ""
    caption: str = ""
    legend: Legend | None = None
    is_large: bool = False
    template: ClassVar[str] = "charts"


@dataclass(frozen=True)
class Picture:
    """A picture as data URI.

    Attributes:
        uri: The encoded picture.
        width: In pixels, for the layout before it is decoded.
        height: In pixels.
        caption: What it shows.
        color: Colour of the run that made it.
        note: A small addition to the caption.
    """

    uri: str
    width: int
    height: int
    caption: str
    color: str = ""
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Rows of pictures; on a narrow screen each row wraps at ``narrow_columns``."""

    rows: tuple[tuple[str, tuple[Picture, ...]], ...]
    title: str = ""
    caption: str = ""
    narrow_columns: int = 2
    template: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Commands:
    """Command lines that can be copied."""

    lines: tuple[str, ...]
    title: str = ""
    caption: str = ""
    template: ClassVar[str] = "commands"


@dataclass(frozen=True)
class Note:
    """A remark on something that is missing or needs care."""

    text: str
    template: ClassVar[str] = "note"


Block = Table | Tiles | Legend | Charts | Gallery | Commands | Note


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    anchor: str
    title: str
    lead: str = ""
    blocks: tuple[Block, ...] = field(default=())
