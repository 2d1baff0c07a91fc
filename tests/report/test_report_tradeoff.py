from __future__ import annotations

import csv
import io
import struct
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.evaluation.compare.made_runs import make_efficiency, make_run
from vstc.evaluation.compare.runs import MeasuredRate
from vstc.report.tradeoff import Tradeoff, draw_tradeoff, find_tradeoff, tradeoff_csv

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


def rated(name, value, *, miss=0.1, label="", where="64x48, a machine, 2 cores"):
    rate = MeasuredRate(label or name, value, where)
    return replace(make_run(name, miss=miss), rate=rate, label=label)


def test_a_rate_goes_before_other_speeds_and_names_its_machine():
    runs = [with_fps(make_run("a"), 30.0), with_fps(rated("b", 4.0, label="fast"), 20.0)]
    found = find_tradeoff(runs)
    assert found.x_key == "rate"
    assert [(p.run, p.name, p.x) for p in found.points] == [("b", "fast", 4.0)]
    texts = texts_of(draw_tradeoff(found)[0])
    assert "frames per second (64x48, a machine, 2 cores)" in texts
    assert "fast" in texts
    elsewhere = [rated("b", 4.0), rated("c", 5.0, where="another")]
    assert "frames per second" in texts_of(draw_tradeoff(find_tradeoff(elsewhere))[0])


def test_nothing_on_the_front_is_beaten_and_all_else_is():
    misses = {"a": (1.0, 0.01), "b": (2.0, 0.1), "c": (3.0, 0.05), "d": (9.0, 0.3), "e": (8.0, 0.3)}
    found = find_tradeoff([rated(name, x, miss=miss) for name, (x, miss) in misses.items()])
    front = found.front()
    assert [point.name for point in front] == ["a", "c", "d"]
    for point in found.points:
        is_beaten = any(
            o.x >= point.x and o.y >= point.y and (o.x, o.y) != (point.x, point.y)
            for o in found.points
        )
        assert is_beaten != (point in front)


def test_equal_points_are_on_the_front_once():
    found = find_tradeoff([rated("a", 2.0), rated("b", 2.0)])
    assert [point.name for point in found.front()] == ["a"]


def test_other_axes_have_no_front():
    found = find_tradeoff([with_fps(make_run("a"), 30.0), with_fps(make_run("b"), 20.0)])
    assert found.front() == []


def test_the_rows_hold_what_is_drawn():
    runs = [rated("a", 1.0, miss=0.01), rated("b", 5.0, miss=0.1), without(rated("c", 3.0), "tc")]
    rows = list(csv.DictReader(io.StringIO(tradeoff_csv(find_tradeoff(runs)))))
    assert [row["run"] for row in rows] == ["a", "b", "c"]
    totals = runs[0].record["totals"]
    assert float(rows[0]["miou"]) == 100 * totals["miou"]
    assert float(rows[0]["tc_acc"]) == 100 * totals["tc_acc"]
    assert rows[2]["tc"] == ""
    assert [row["on_front"] for row in rows] == ["yes", "yes", "no"]


@pytest.mark.parametrize(("slowest", "fastest"), [(2.0, 2.1), (2.0, 7.0), (2.0, 90.0), (0.1, 1e4)])
def test_the_axis_of_rates_has_round_numbers(slowest, fastest):
    found = find_tradeoff([rated("slow", slowest), rated("quick", fastest)])
    numbers = [text for text in texts_of(draw_tradeoff(found)[0]) if text and text[0].isdigit()]
    assert len(numbers) > 4  # on both axes and the bar of colours
