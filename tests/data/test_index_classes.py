"""Class tables from JSON and from the ids in labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vstc.data.index.classes import distinct_color, infer_class_table, read_class_table
from vstc.errors import InputError


def write(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "classes.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def row(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": name} | more


def test_colours_are_distinct_and_never_black() -> None:
    colors = {distinct_color(value) for value in range(255)}
    assert len(colors) == 255
    assert (0, 0, 0) not in colors
    # First entries of the PASCAL VOC colour map, background left out.
    assert [distinct_color(v) for v in range(3)] == [(128, 0, 0), (0, 128, 0), (128, 128, 0)]


def test_list_and_object_are_read_and_void_gives_the_ignore_index(tmp_path: Path) -> None:
    rows = [row(1, "car"), row(0, "road", color=[1, 2, 3]), row(7, "void", ignore=True)]
    for value in (rows, {"classes": rows, "ignore_index": 7, "note": "kept out"}):
        table = read_class_table(write(tmp_path, value))
        assert [entry.name for entry in table.classes] == ["road", "car", "void"]
        assert table.classes[0].color == (1, 2, 3)
        assert table.ignore_index == 7


def test_without_void_the_ignore_index_is_255(tmp_path: Path) -> None:
    assert read_class_table(write(tmp_path, [row(0, "a")])).ignore_index == 255


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "not JSON"),
        ({"labels": []}, "no list"),
        ([], "no list"),
        ([row(0, "a"), row(0, "b")], "two classes have the id 0"),
        ([row(0, "a"), row(1, "a")], "two classes have the name a"),
        ([row(0, "a", color=[1, 1, 1]), row(1, "b", color=[1, 1, 1])], "have the color"),
        ([row(0, "a"), row(2, "b")], "without gaps"),
        ([row(300, "a")], "bad row"),
        ([row(0, "a", color=[1, 2])], "bad row"),
        ([row(0, "a", color=[1, 2, 256])], "bad row"),
        ([row(0, "a", colour=[1, 2, 3])], "bad row"),
        ([{"id": "x", "name": "a"}], "bad row"),
        ({"classes": [row(0, "a")], "ignore_index": 0}, "is the id of a class"),
        ({"classes": [row(0, "a"), row(1, "v", ignore=True)], "ignore_index": 9}, "not the id"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_class_table(write(tmp_path, value))


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_class_table(tmp_path / "none.json")


def test_inferred_table_fills_gaps_and_sets_void_apart() -> None:
    table = infer_class_table({0, 3, 255})
    assert [entry.name for entry in table.classes] == [
        "class_0",
        "class_1",
        "class_2",
        "class_3",
        "void",
    ]
    assert [entry.ignore for entry in table.classes] == [False] * 4 + [True]
    assert table.ignore_index == 255


def test_inferred_table_refuses_a_void_below_the_classes() -> None:
    with pytest.raises(InputError, match="without gaps"):
        infer_class_table({0, 1, 2}, ignore_index=0)
