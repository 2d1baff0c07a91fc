"""The confusion map: what is dark, what is written, what is told under the mouse."""

from __future__ import annotations

from xml.etree import ElementTree

from vstc.report.heatmap import heat_map, right_color, wrong_color

NAMES = ["road", "sky", 'a "b" <c> & d']


def texts(svg: str, tag: str = "text") -> list[str]:
    return [
        element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag == tag
    ]


def lightness(color: str) -> int:
    return sum(int(color[place : place + 2], 16) for place in (1, 3, 5))


def test_rows_columns_and_label_are_named() -> None:
    svg = heat_map(NAMES, [*NAMES, "no class"], [[1, 0, 0, 0]] * 3, label="Confusion of a & b")
    assert ElementTree.fromstring(svg).get("aria-label") == "Confusion of a & b"
    assert texts(svg).count("road") == 2
    assert texts(svg).count("no class") == 1
    assert {"true class", "taken for"} <= set(texts(svg))


def test_every_shown_cell_tells_its_share_and_few_columns_write_it() -> None:
    shares = [[0.9, 0.098, 0.002], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]
    svg = heat_map(NAMES, NAMES, shares, label="l")
    assert texts(svg, "title") == [
        "road taken for road: 90.0 %",
        "road taken for sky: 9.8 %",
        "sky taken for road: 25.0 %",
        "sky taken for sky: 75.0 %",
        'a "b" <c> & d taken for a "b" <c> & d: 100.0 %',
    ]
    assert [text for text in texts(svg) if text.isdigit()] == ["90", "10", "25", "75", "100"]


def test_many_columns_have_no_figures_but_still_tell_them() -> None:
    names = [f"class {place}" for place in range(19)]
    shares = [[1.0 if row == column else 0.0 for column in range(19)] for row in range(19)]
    svg = heat_map(names, names, shares, label="l")
    assert "100" not in texts(svg)
    assert len(texts(svg, "title")) == 19
    assert len(svg) < 40_000


def test_right_and_wrong_have_their_colours() -> None:
    svg = heat_map(NAMES, NAMES, [[0.5, 0.5, 0.0]] + [[0.0] * 3] * 2, label="l")
    assert svg.count(f"fill: {right_color(0.5)}") == 1
    assert svg.count(f"fill: {wrong_color(0.5)}") == 1


def test_larger_shares_are_darker_and_small_ones_can_be_seen() -> None:
    for color in (right_color, wrong_color):
        steps = [lightness(color(share)) for share in (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)]
        assert steps == sorted(steps, reverse=True)
        assert len(set(steps)) == len(steps)
        assert steps[0] - steps[2] > 60


def test_same_shares_give_the_same_bytes() -> None:
    first, second = (heat_map(NAMES, NAMES, [[0.3] * 3] * 3, label="l") for _ in range(2))
    assert first == second
