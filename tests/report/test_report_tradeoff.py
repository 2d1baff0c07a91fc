from __future__ import annotations

import struct
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.evaluation.compare.made_runs import make_efficiency, make_run
from vstc.report.tradeoff import Tradeoff, draw_tradeoff, find_tradeoff

pytest.importorskip("matplotlib")


def with_fps(run, fps):
    return replace(run, efficiency=make_efficiency(fps))


def without(run, *keys):
    totals = {k: None if k in keys else v for k, v in run.record["totals"].items()}
    return replace(run, record=run.record | {"totals": totals})


def test_speed_is_on_the_axis_where_it_is_known():
    runs = [with_fps(make_run("a"), 30.0), with_fps(make_run("b"), 20.0), make_run("c")]
    found = find_tradeoff(runs)
    assert found.x_key == "fps"
    assert [(point.name, point.x) for point in found.points] == [("a", 30.0), ("b", 20.0)]
    assert found.points[0].y == 100 * runs[0].record["totals"]["miou"]
    assert found.points[0].tc == 100 * runs[0].record["totals"]["tc"]


def test_without_speed_consistency_is_on_the_axis():
    found = find_tradeoff([make_run("a"), make_run("b")])
    assert found.x_key == "tc"
    assert found.points[0].x == found.points[0].tc


def test_runs_without_two_values_make_no_picture():
    assert find_tradeoff([without(make_run("a"), "miou")]) is None
    assert find_tradeoff([without(make_run("a"), "tc")]) is None


def texts_of(svg):
    tree = ElementTree.fromstring(svg)
    return [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_names_runs_and_axes():
    runs = [with_fps(make_run("first & best"), 30.0), with_fps(make_run("second"), 20.0)]
    svg, png = draw_tradeoff(find_tradeoff(runs))
    texts = texts_of(svg)
    for text in ("first & best", "second", "frames per second", "mIoU (%)", "TC (%)"):
        assert text in texts
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width > height > 500


def test_a_run_without_consistency_is_drawn_too():
    runs = [with_fps(make_run("a"), 30.0), without(with_fps(make_run("b"), 20.0), "tc")]
    found = find_tradeoff(runs)
    assert found.points[1].tc is None
    assert {"a", "b", "TC (%)"} <= set(texts_of(draw_tradeoff(found)[0]))
    alone = Tradeoff("fps", found.points[1:])
    assert "TC (%)" not in texts_of(draw_tradeoff(alone)[0])


def test_the_same_numbers_give_the_same_picture():
    found = find_tradeoff([with_fps(make_run("a"), 30.0), with_fps(make_run("b"), 20.0)])
    assert draw_tradeoff(found) == draw_tradeoff(found)
