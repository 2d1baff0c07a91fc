from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from vstc.evaluation.groups.catalog import make_groups
from vstc.evaluation.instances.record import TOTALS as TRACK_TOTALS
from vstc.evaluation.score_names import in_order, score_name, write_change, write_score
from vstc.evaluation.settings import EvaluateSettings, Metric
from vstc.evaluation.tables import (
    protocol_text,
    record_csv,
    record_files,
    record_latex,
    record_markdown,
)
from vstc.formats.dataset import Dataset, DatasetRecord, LabelClass

RECORD = {
    "dataset": "camvid_50%",
    "protocol": {
        "absent": "null",
        "excluded": [],
        "splits": ["val", "test"],
        "tc": {"mode": "nearest", "flow": {"method": "dis-medium"}},
        "tsb": None,
    },
    "totals": {"aacc": 0.9, "macc": 0.7, "miou": 2 / 3, "tc": 0.8125, "tsb": 0.01234, "vc8": None},
    "per_class": [
        {"id": 0, "name": "road", "iou": 0.95, "acc": 0.97, "tc": 0.9, "tsb": None, "pairs": 4},
        {"id": 1, "name": "sign_symbol", "iou": None, "acc": 0.1, "tc": 0.7, "tsb": 0.5},
    ],
}


def rows_of(text):
    return {row["class"]: row for row in csv.DictReader(io.StringIO(text))}


def test_csv_holds_the_record_to_the_last_digit():
    rows = rows_of(record_csv(RECORD))
    assert list(rows) == ["all", "road", "sign_symbol"]
    assert float(rows["all"]["iou"]) == RECORD["totals"]["miou"]
    assert float(rows["all"]["aacc"]) == RECORD["totals"]["aacc"]
    assert (rows["all"]["vc8"], rows["all"]["pairs"]) == ("", "")
    assert (rows["sign_symbol"]["iou"], rows["sign_symbol"]["tsb"]) == ("", "0.5")
    assert rows["road"]["pairs"] == "4"


def test_markdown_shows_percent_and_says_how_scores_were_made():
    head, _, total, road, sign, empty, caption = record_markdown(RECORD).splitlines()
    assert head == "| class | IoU | Acc | aAcc | TC | Tsb | VC8 | pairs |"
    assert total == "| all | 66.67 | 70.00 | 90.00 | 81.25 | 0.0123 | – |  |"
    assert road == "| road | 95.00 | 97.00 |  | 90.00 | – |  | 4 |"
    assert sign.startswith("| sign\\_symbol | – | 10.00 |")
    assert empty == ""
    assert caption.startswith("camvid_50%, shares in percent; absent null; splits val, test; ")


def test_latex_escapes_names_and_keeps_the_protocol_in_a_comment():
    comment, *lines = record_latex(RECORD).splitlines()
    assert comment.startswith("% camvid_50%, shares in percent; ")
    assert "tc.mode nearest; tc.flow.method dis-medium" in comment
    assert lines[0] == r"\begin{tabular}{lrrrrrrr}"
    assert r"sign\_symbol & -- & 10.00 &  & 70.00 & 0.5000 &  &  \\" in lines
    assert lines[4].startswith("all &")
    assert lines[5] == r"\midrule"


def test_the_protocol_names_what_was_chosen_and_nothing_else():
    assert protocol_text(RECORD["protocol"]) == (
        "absent null; splits val, test; tc.mode nearest; tc.flow.method dis-medium"
    )


def test_a_record_of_totals_alone_is_a_table_of_one_row():
    record = RECORD | {"per_class": []}
    assert list(rows_of(record_csv(record))) == ["all"]
    assert record_latex(record).count(r"\midrule") == 1


def test_files_are_the_three_texts():
    files = record_files(RECORD)
    assert list(files) == ["table.csv", "table.md", "table.tex"]
    assert files["table.md"].decode() == record_markdown(RECORD)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("miou", 0.12345, "12.35"),
        ("miou", None, "–"),
        ("tsb", 0.12345, "0.1235"),
        ("fps", 104.567, "104.6"),
        ("tsb_valid_pairs", 17, "17"),
        ("something_new", 0.5, "0.5000"),
        ("vc4_correct", 0.5, "50.00"),
    ],
)
def test_scores_are_written_as_what_they_are(key, value, shown):
    assert write_score(key, value) == shown


@pytest.mark.parametrize(
    ("key", "change", "shown"),
    [
        ("tc", 0.0123, "+1.23"),
        ("tc", -0.0123, "-1.23"),
        ("tc", -0.000001, "±0.00"),
        ("tsb", 0.0123, "+0.0123"),
        ("fps", -12.0, "-12.0"),
        ("fps", 0.0, "±0.0"),
    ],
)
def test_changes_carry_their_sign_unless_they_read_zero(key, change, shown):
    assert write_change(key, change) == shown


def test_unknown_scores_come_last_by_the_alphabet():
    assert in_order(["zebra", "tc", "apple", "miou"]) == ["miou", "tc", "apple", "zebra"]


def test_every_total_of_evaluate_has_a_name_of_its_own():
    settings = EvaluateSettings(metrics=tuple(Metric), vc_windows=(4, 8))
    classes = [LabelClass(id=k, name=f"c{k}", color=(k, k, k)) for k in range(3)]
    dataset = Dataset(DatasetRecord(name="d", root=".", classes=classes, clips=[]), Path())
    groups = make_groups(dataset, settings).values()
    totals = [name for group in groups for name in group.columns().totals]
    labels = {name: score_name(name).label for name in [*totals, *TRACK_TOTALS]}
    assert len(totals) > 15
    assert labels["vc4_fixed"] == "VC4 fixed"
    assert [name for name, label in labels.items() if label == name] == []
