"""Charts are inline SVG that a page can take as it is."""

from __future__ import annotations

import importlib.util
from typing import Any
from xml.etree import ElementTree

import pytest

from vstc.errors import SetupError
from vstc.report.charts import MAX_POINTS, Series, bar_chart, line_chart, require_charts


def line(*y: float | None, x: tuple[float, ...] = ()) -> str:
    series = [Series("run", "#123456", y=y, x=x)]
    return line_chart(series, x_label="frame", y_label="agreement", label='a "b" <c> & d')


def points(svg: str) -> int:
    (path,) = (
        element.get("d", "")
        for element in ElementTree.fromstring(svg).iter()
        if element.tag == "path" and "stroke: #123456" in element.get("style", "")
    )
    return path.count("L") + path.count("M")


def test_svg_is_bare_and_well_formed() -> None:
    svg = line(1, 2, 3)
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == 'a "b" <c> & d'
    assert root.get("width") is None, "it takes the width of the page"
    assert "http" not in svg
    assert "<metadata" not in svg
    assert "<style" not in svg


def test_text_stays_text_in_the_font_of_the_page() -> None:
    svg = line(1, 2, 3)
    texts = [
        element.text for element in ElementTree.fromstring(svg).iter() if element.tag == "text"
    ]
    assert "frame" in texts
    assert "agreement" in texts
    assert "font-family" not in svg


def test_same_numbers_give_the_same_bytes() -> None:
    assert line(1, 2, 3) == line(1, 2, 3)
    assert line(1, 2, 3) != line(1, 2, 4)


def test_gaps_and_single_values_are_drawn() -> None:
    assert points(line(1.0, None, 3.0, 4.0)) == 3
    assert "<use" in line(1.0), "a single value is a dot"
    assert "<svg" in line(None, None)


def test_long_series_are_averaged() -> None:
    many = tuple(float(value % 7) for value in range(5000))
    assert points(line(*many)) <= MAX_POINTS
    gaps = tuple(None if 100 < place < 4000 else 1.0 for place in range(5000))
    assert points(line(*gaps)) < MAX_POINTS


def test_bars_write_their_values_and_a_dash_where_there_is_none() -> None:
    series = [Series("a", "#111111", y=(50.4, None)), Series("b", "#222222", y=(0.0, 100.0))]
    names = ["road", "a very long name of a class"]
    root = ElementTree.fromstring(bar_chart(names, series, x_label="IoU", label="l"))
    texts = [element.text for element in root.iter() if element.tag == "text"]
    for text in ("50", "–", "0", "100", "road", "a very long name …"):
        assert text in texts


def test_bars_of_any_unit_fit_the_data() -> None:
    series = [Series("a", "#111111", y=(0.0123, 0.005, None))]
    svg = bar_chart(["road", "car", "sky"], series, x_label="Tsb", label="l", is_to_100=False)
    texts = [element.text for element in ElementTree.fromstring(svg).iter()]
    for text in ("0.0123", "0.005", "–"):
        assert text in texts
    assert "100" not in texts
    nothing = [Series("a", "#111111", y=(None, 0.0))]
    assert "<svg" in bar_chart(["road", "car"], nothing, x_label="x", label="l", is_to_100=False)


def test_rings_stand_at_their_values_even_in_a_long_series() -> None:
    def rings(*places: int, count: int) -> int:
        series = [Series("a", "#123456", y=tuple(map(float, range(count))), rings=places)]
        svg = line_chart(series, x_label="x", y_label="y", label="l")
        marks = (e for e in ElementTree.fromstring(svg).iter() if e.tag == "use")
        return sum("stroke-width: 1.8" in mark.get("style", "") for mark in marks)

    assert rings(count=50) == 0
    assert rings(3, 20, count=50) == 2
    assert rings(3, 4000, count=5 * MAX_POINTS * 10) == 2


def test_missing_matplotlib_is_a_setup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def find(name: str, *arguments: Any) -> Any:
        return None if name == "matplotlib" else found(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(SetupError) as caught:
        require_charts()
    assert caught.value.hint == 'pip install "vstc[report]"'
