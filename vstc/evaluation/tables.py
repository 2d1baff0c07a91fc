"""The scores of ``metrics.json`` as CSV, Markdown and LaTeX: a row of totals, a row per class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vstc.evaluation.score_names import in_order, score_name, write_score
from vstc.formats.text_tables import csv_table, latex_table, markdown_table

CSV, MARKDOWN, LATEX = "table.csv", "table.md", "table.tex"
TOTAL = "all"
# Totals whose share of a class has a name of its own.
_OF_A_CLASS = {"miou": "iou", "macc": "acc"}
_NOT_SCORES = {"id", "name"}

Record = Mapping[str, Any]


def record_files(record: Record) -> dict[str, bytes]:
    """Write all three tables of a record, by file name."""
    tables = {CSV: record_csv(record), MARKDOWN: record_markdown(record)}
    tables[LATEX] = record_latex(record)
    return {name: text.encode() for name, text in tables.items()}


def record_csv(record: Record) -> str:
    """Write the scores with every digit; fractions in [0, 1], empty where absent.

    The row ``all`` holds the totals: its ``iou`` and ``acc`` are mIoU and mAcc.

    Args:
        record: The content of ``metrics.json``.
    """
    keys = _columns(record)
    rows = [[name, *(values.get(key) for key in keys)] for name, values in _rows(record)]
    return csv_table(["class", *keys], rows)


def record_markdown(record: Record) -> str:
    """Write the scores for people, shares in percent, below them how they were made."""
    keys = _columns(record)
    head = ["class", *(score_name(key).label for key in keys)]
    table = markdown_table(head, _shown_rows(record))
    return f"{table}\n{_caption(record)}\n"


def record_latex(record: Record) -> str:
    """Write the scores as a ``tabular`` for booktabs; how they were made is a comment."""
    keys = _columns(record)
    head = ["class", *(score_name(key).label for key in keys)]
    table = latex_table(head, _shown_rows(record), rule_after=1)
    return f"% {_caption(record)}\n{table}"


def protocol_text(protocol: Mapping[str, Any]) -> str:
    """Write every choice that changes a number on one line: ``tc.mode nearest; ...``."""
    shown = (f"{key} {_plain(value)}" for key, value in _flat(protocol))
    return "; ".join(shown)


def _rows(record: Record) -> Iterator[tuple[str, Mapping[str, Any]]]:
    totals = record["totals"]
    yield TOTAL, {_OF_A_CLASS.get(key, key): value for key, value in totals.items()}
    for row in record["per_class"]:
        yield row["name"], row


def _columns(record: Record) -> list[str]:
    keys = {key for _, values in _rows(record) for key in values}
    return in_order(keys - _NOT_SCORES)


def _shown_rows(record: Record) -> list[list[str]]:
    keys = _columns(record)
    rows = []
    for name, values in _rows(record):
        # A total has no value of a single class: that cell stays empty, and has no dash.
        cells = [write_score(key, values[key]) if key in values else "" for key in keys]
        rows.append([name, *cells])
    return rows


def _caption(record: Record) -> str:
    unit = "shares in percent"
    return " ".join(f"{record['dataset']}, {unit}; {protocol_text(record['protocol'])}".split())


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            yield from _flat(entry, f"{prefix}{key}.")
        elif entry not in (None, [], ()):
            yield f"{prefix}{key}", entry


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(entry) for entry in value)
    return str(value)
