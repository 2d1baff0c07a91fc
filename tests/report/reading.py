"""Read a report as a browser does: its texts, its elements, and what they point to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "img", "br"}


@dataclass
class Read:
    """A page taken apart.

    Attributes:
        text: All texts, white space made single; styles left out.
        ids: Values of ``id``, in order.
        targets: Values of all attributes that load or point to something.
        images: Alternative texts of the pictures.
        charts: Labels of the charts.
        rows: Texts of the cells of every table row.
        unclosed: Elements that were never closed.
    """

    html: str
    text: str = ""
    ids: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def row(self, first: str) -> list[str]:
        """Return the first row whose first cell says so."""
        return next(row for row in self.rows if row and row[0] == first)


class _Reader(HTMLParser):
    def __init__(self, page: Read) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in _VOID:
            self.page.unclosed.append(tag)
        self._note(tag, given)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        assert self.page.unclosed[-1] == tag, f"</{tag}> closes <{self.page.unclosed[-1]}>"
        self.page.unclosed.pop()

    def handle_data(self, data: str) -> None:
        if "style" in self.page.unclosed:
            self.page.targets += re.findall(r"url\(([^)]*)\)|@import\s+(\S+)", data)
            return
        self.texts.append(data)
        if {"td", "th"} & set(self.page.unclosed):
            self.page.rows[-1][-1] += data

    def _note(self, tag: str, given: dict[str, str]) -> None:
        page = self.page
        if "id" in given:
            page.ids.append(given["id"])
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            if name in given:
                page.targets.append(given[name])
        for value in given.values():
            page.targets += re.findall(r"url\(([^)]*)\)", value)
        if tag == "img":
            page.images.append(given["alt"])
        if tag == "svg":
            page.charts.append(given["aria-label"])
        if tag == "tr":
            page.rows.append([])
        if tag in {"td", "th"}:
            page.rows[-1].append("")


def read_page(html: str) -> Read:
    page = Read(html=html)
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    page.text = " ".join("".join(reader.texts).split())
    page.rows = [[" ".join(cell.split()) for cell in row] for row in page.rows]
    return page
