from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evaluation.compare.made_runs import make_efficiency, make_run
from vstc.errors import InputError
from vstc.evaluation.compare.differing import differing, have_the_same_clips, refuse_different


def changed(run, **changes):
    return replace(run, record=run.record | changes)


def test_runs_that_were_judged_alike_do_not_differ():
    assert differing(make_run("a", miss=0.1), make_run("b", miss=0.4)) == []
    refuse_different([make_run("a"), make_run("b"), make_run("c")])


def test_how_labels_were_made_is_no_way_of_judging():
    run = make_run("a")
    moved = changed(run, protocol=run.record["protocol"] | {"propagated_with": ["dis-fast"]})
    assert differing(run, moved) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"dataset": "other"}, "data set (made there, other here)"),
        (
            {"per_class": [{"id": 0, "name": "road"}]},
            "classes (class0, class1, class2 there, road here)",
        ),
        (
            {"protocol": {"absent": "zero", "excluded": [], "tc": {"mode": "nearest"}}},
            "absent (null there, zero here)",
        ),
        (
            {"protocol": {"absent": "null", "excluded": [], "tc": {"mode": "liu2020"}}},
            "tc.mode (nearest there, liu2020 here)",
        ),
        (
            {"protocol": {"absent": "null", "excluded": [], "tc": {"mode": "nearest"}}},
            "tc.flow.method (dis-medium there, none here)",
        ),
    ],
)
def test_what_differs_is_named_with_both_values(changes, named):
    found = differing(make_run("a"), changed(make_run("b"), **changes))
    assert named in found


def test_clips_and_their_frames_must_be_the_same():
    whole, part = make_run("a", clips=4), make_run("b", clips=3)
    assert "it lacks 1 of 4 clips, the first is clip3" in differing(whole, part)
    assert "it has 1 clips more, the first is clip3" in differing(part, whole)
    assert not have_the_same_clips(whole, part)
    rows = [dict(row) for row in whole.record["per_clip"]]
    rows[2]["labelled_frames"] = 1
    shorter = changed(make_run("b", clips=4), per_clip=rows)
    assert differing(whole, shorter) == ["labelled_frames of clip clip2 (5 there, 1 here)"]
    assert have_the_same_clips(whole, shorter)


def test_other_true_labels_show_in_the_counts():
    first, second = make_run("a"), make_run("b")
    table = [list(row) for row in second.record["confusion"]]
    table[0][0] += 1
    found = differing(first, changed(second, confusion=table))
    assert found == ["the true labels (true pixels by class)"]


def test_speed_must_be_measured_alike():
    first, second, third = (
        replace(make_run(name), efficiency=make_efficiency(10.0, size=size))
        for name, size in (("a", [96, 128]), ("b", [48, 64]), ("c", [96, 128]))
    )
    assert differing(first, second) == ["size of the timing (96, 128 there, 48, 64 here)"]
    assert differing(first, third) == []
    assert differing(first, make_run("d")) == []


def test_the_error_names_some_and_counts_the_rest():
    other = make_run("b", clips=1)
    other = changed(other, dataset="other", protocol={})
    with pytest.raises(InputError) as caught:
        refuse_different([make_run("a"), other])
    assert caught.value.message.startswith("b was judged differently than a: data set (made there")
    assert caught.value.message.endswith("; and 2 more")
    assert "--allow-different" in caught.value.hint
