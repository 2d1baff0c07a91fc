"""Tables as CSV, Markdown and LaTeX text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "\u2212": r"$-$",
        "\u00b1": r"$\pm$",
        "\u2013": "--",
    }
)


@dataclass(frozen=True)
class Cell:
    """A text, bold or not."""

    text: str
    is_bold: bool = False


Row = Sequence[Cell | str]


def csv_table(head: Sequence[str], rows: Sequence[Sequence[str | float | None]]) -> str:
    """Write comma separated values.

    Args:
        head: Names of the columns.
        rows: Their values; numbers keep every digit, None is an empty cell, and white space in
            a text becomes single blanks.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_plain(value) for value in row])
    return text.getvalue()


def markdown_table(head: Sequence[str], rows: Sequence[Row], *, num_texts: int = 1) -> str:
    """Write a table for Markdown.

    Args:
        head: Names of the columns.
        rows: Their cells.
        num_texts: Columns that hold texts and stand on the left; the others stand on the right.
    """
    marks = ["---" if place < num_texts else "---:" for place in range(len(head))]
    lines = [[_markdown(name) for name in head], marks]
    lines += [[_markdown(cell) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex_table(
    head: Sequence[str], rows: Sequence[Row], *, num_texts: int = 1, rule_after: int | None = None
) -> str:
    """Write a ``tabular`` with the rules of the package booktabs.

    Args:
        head: Names of the columns.
        rows: Their cells.
        num_texts: Columns that hold texts and stand on the left; the others stand on the right.
        rule_after: Draw a rule after so many rows.
    """
    columns = "l" * num_texts + "r" * (len(head) - num_texts)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(head), r"\midrule"]
    for number, row in enumerate(rows, start=1):
        lines.append(_latex_row(row))
        if number == rule_after and number < len(rows):
            lines.append(r"\midrule")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def latex_escape(text: str) -> str:
    """Write a text so that LaTeX shows it as it is."""
    return " ".join(text.split()).translate(_LATEX)


def _plain(value: str | float | None) -> str:
    if value is None:
        return ""
    return " ".join(value.split()) if isinstance(value, str) else repr(value)


def _markdown(cell: Cell | str) -> str:
    cell = cell if isinstance(cell, Cell) else Cell(cell)
    text = " ".join(cell.text.split()).replace("\\", "\\\\")
    for mark in "|*_<`":
        text = text.replace(mark, f"\\{mark}")
    return f"**{text}**" if cell.is_bold and text else text


def _latex_row(row: Row) -> str:
    cells = (cell if isinstance(cell, Cell) else Cell(cell) for cell in row)
    texts = (
        rf"\textbf{{{latex_escape(cell.text)}}}" if cell.is_bold else latex_escape(cell.text)
        for cell in cells
    )
    return " & ".join(texts) + r" \\"
