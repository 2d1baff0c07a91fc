from __future__ import annotations

import csv
import io
import re

from hypothesis import given
from hypothesis import strategies as st

from vstc.formats.text_tables import Cell, csv_table, latex_escape, latex_table, markdown_table

CELLS = st.one_of(st.text(), st.none(), st.floats(allow_nan=False))


def test_csv_keeps_every_digit_and_leaves_absent_cells_empty():
    text = csv_table(["class", "iou"], [["a, b", 0.1 + 0.2], ["c", None], ["d", 3]])
    assert text == 'class,iou\n"a, b",0.30000000000000004\nc,\nd,3\n'


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2)))
def test_csv_reads_back(rows):
    text = csv_table(["a", "b"], rows)
    found = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert found == [[shown(value) for value in row] for row in rows]


def shown(value):
    if value is None:
        return ""
    return " ".join(value.split()) if isinstance(value, str) else repr(value)


def test_markdown_aligns_marks_and_escapes():
    text = markdown_table(["run", "mIoU"], [["my_run|1", Cell("71.20", is_bold=True)]])
    assert text == "| run | mIoU |\n| --- | ---: |\n| my\\_run\\|1 | **71.20** |\n"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_markdown_rows_have_as_many_cells_as_the_head(rows):
    lines = markdown_table(["a", "b"], rows).split("\n")[:-1]
    assert len(lines) == 2 + len(rows)
    for line in lines:
        bars = re.findall(r"(?<!\\)(?:\\\\)*\|", line)
        assert len(bars) == 3


def test_latex_has_the_rules_of_booktabs():
    rows = [["all", "70.0"], ["traffic_light", Cell("12.5 %", is_bold=True)]]
    assert latex_table(["class", "IoU"], rows, rule_after=1) == (
        "\\begin{tabular}{lr}\n"
        "\\toprule\n"
        "class & IoU \\\\\n"
        "\\midrule\n"
        "all & 70.0 \\\\\n"
        "\\midrule\n"
        "traffic\\_light & \\textbf{12.5 \\%} \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )


def test_no_rule_stands_at_the_end():
    assert latex_table(["a"], [["b"]], rule_after=1).count("midrule") == 1


@given(st.text())
def test_latex_holds_no_bare_special_character(text):
    shown = latex_escape(text)
    commands = r"\\text[a-z]+\{\}|\\[&%$#_{}]|\$-\$|\$\\pm\$"
    assert not set(re.sub(commands, "", shown)) & set("&%$#_{}~^\\<>|\n")
