from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.compare.made_runs import make_efficiency, make_run
from vstc.errors import ConfigError, InputError
from vstc.evaluation.compare.claims import claims
from vstc.evaluation.compare.comparison import MIN_CLIPS, compare_runs
from vstc.evaluation.compare.settings import CompareSettings

QUICK = CompareSettings(resamples=300)


def compared(*runs, **changes):
    return compare_runs(runs, QUICK.model_copy(update=changes))


def test_differences_are_those_of_the_totals():
    before, after = make_run("a", miss=0.2), make_run("b", miss=0.1)
    found = compared(before, after).differences[1]
    for key in ("miou", "macc", "aacc", "fwiou", "tc", "tc_acc", "tc_seq", "tsb"):
        totals = after.record["totals"][key], before.record["totals"][key]
        assert found[key].change == totals[0] - totals[1]
    assert "vc8" not in found


def test_intervals_enclose_the_difference_and_tell_the_clips():
    found = compared(make_run("a", miss=0.2), make_run("b", miss=0.1)).differences[1]
    for key in ("miou", "macc", "aacc", "fwiou"):
        assert found[key].low < found[key].change < found[key].high
        assert found[key].is_certain
        assert found[key].clips == 8


def test_a_better_run_is_called_better_in_the_words_of_the_score():
    runs = make_run("baseline", miss=0.2, flicker=0.2), make_run("student", miss=0.3, flicker=0.1)
    accuracy, steadiness, outlines = claims(compared(*runs))
    assert accuracy.startswith("student is less accurate than baseline: mIoU -")
    assert steadiness.startswith("student is steadier than baseline: TC +")
    assert steadiness.endswith("] (95 %, 8 clips)")
    assert outlines.startswith("student is steadier in outline than baseline: Tsb -0.1")


def test_equal_runs_are_not_called_different():
    comparison = compared(make_run("a"), make_run("b"))
    assert claims(comparison)[0] == (
        "b is neither more accurate nor less accurate than a for certain: "
        "mIoU ±0.00 [±0.00, ±0.00] (95 %, 8 clips)"
    )
    assert not any(found.is_certain for found in comparison.differences[1].values())


def test_a_difference_that_only_some_clips_show_is_not_certain():
    before, after = make_run("a", miss=0.2), make_run("b", miss=0.2)
    counts = after.counts["miou"].copy()
    for clip in range(8):
        # Half of the clips get better, the others worse by as much.
        change = 100 if clip % 2 else -100
        counts[clip, 0, 0] += change
        counts[clip, 0, 1] -= change
    found = compared(before, with_counts(after, counts)).differences[1]["aacc"]
    assert found.change == 0.0
    assert found.low < 0 < found.high
    assert not found.is_certain


def with_counts(run, counts):
    """Give a run other counts, and the total that they make."""
    aacc = float(np.trace(counts.sum(axis=0)) / counts.sum())
    record = run.record | {"totals": run.record["totals"] | {"aacc": aacc}, "confusion": None}
    return replace(run, record=record, counts=run.counts | {"miou": counts})


@pytest.mark.parametrize("clips", [1, MIN_CLIPS - 1])
def test_few_clips_give_no_interval_and_say_so(clips):
    comparison = compared(make_run("a", clips=clips, miss=0.3), make_run("b", clips=clips))
    found = comparison.differences[1]["miou"]
    assert (found.low, found.high, found.clips) == (None, None, clips)
    assert claims(comparison)[0].endswith(
        f"no interval: an interval needs at least 5 clips, here are {clips}"
    )


def test_clips_in_which_nothing_was_counted_are_no_clips_of_the_score():
    runs = []
    for name, miss in (("a", 0.3), ("b", 0.1)):
        run = make_run(name, clips=8, miss=miss)
        counts = run.counts["miou"].copy()
        counts[MIN_CLIPS - 1 :] = 0
        runs.append(with_counts(run, counts))
    found = compared(*runs).differences[1]["aacc"]
    assert (found.low, found.clips) == (None, MIN_CLIPS - 1)


def test_the_order_of_the_clips_does_not_matter():
    before, after = make_run("a", miss=0.2), make_run("b", miss=0.1)
    order = list(range(8))[::-1]
    turned = replace(
        after,
        record=after.record | {"per_clip": [after.record["per_clip"][i] for i in order]},
        counts={group: counts[order] for group, counts in after.counts.items()},
    )
    plain = compared(before, after).differences[1]
    assert compared(before, turned).differences[1] == plain


def test_a_score_that_does_not_add_up_as_known_has_no_interval():
    before, after = make_run("a"), make_run("b")
    totals = after.record["totals"] | {"tsb": 0.5}
    found = compared(before, replace(after, record=after.record | {"totals": totals}))
    assert "not known how" in found.differences[1]["tsb"].reason


def test_no_resamples_give_no_intervals():
    found = compared(make_run("a"), make_run("b"), resamples=0).differences[1]["miou"]
    assert (found.low, found.reason) == (None, "no intervals were asked for")


def test_the_seed_gives_the_draws():
    runs = make_run("a", miss=0.2), make_run("b")
    first, again, other = (compared(*runs, seed=seed).differences for seed in (1, 1, 2))
    assert first == again
    assert first[1]["miou"].low != other[1]["miou"].low


def test_ranks_are_of_accuracy_consistency_and_speed():
    runs = [
        replace(make_run("a", miss=0.3, flicker=0.3), efficiency=make_efficiency(30.0)),
        replace(make_run("b", miss=0.1, flicker=0.2), efficiency=make_efficiency(20.0)),
        make_run("c", miss=0.05),
    ]
    comparison = compared(*runs)
    first, second, third = comparison.ranks
    assert (first.parts, first.total, first.r) == ((2, 2, 1), 5, 2)
    assert (second.parts, second.total, second.r) == ((1, 1, 2), 4, 1)
    assert third.r is None
    speed = comparison.differences[1]["fps"]
    assert (speed.change, speed.low, speed.clips) == (-10.0, None, None)


def test_runs_without_speed_have_no_ranks():
    assert compared(make_run("a"), make_run("b")).ranks is None


def test_a_rate_in_the_record_will_do():
    runs = [make_run(name) for name in ("a", "b")]
    runs = [
        replace(run, record=run.record | {"totals": run.record["totals"] | {"fps": 10.0 + number}})
        for number, run in enumerate(runs)
    ]
    comparison = compared(*runs)
    assert comparison.ranks is not None
    assert comparison.differences[1]["fps"].change == 1.0


def test_only_the_scores_that_are_asked_for_are_shown():
    comparison = compared(make_run("a"), make_run("b"), scores=("tc", "miou"))
    assert comparison.keys == ("miou", "tc")
    assert set(comparison.differences[1]) == {"miou", "tc"}
    with pytest.raises(ConfigError, match="unknown score: vc8"):
        compared(make_run("a"), make_run("b"), scores=("vc8",))


def test_different_runs_are_refused_unless_allowed():
    runs = make_run("a", clips=8), make_run("b", clips=6)
    with pytest.raises(InputError, match="b was judged differently than a: it lacks 2 of 8 clips"):
        compared(*runs)
    allowed = compared(*runs, allow_different=True)
    assert allowed.differing[0] == ()
    assert allowed.differing[1][0] == "it lacks 2 of 8 clips, the first is clip6"
    found = allowed.differences[1]["miou"]
    assert (found.low, found.reason) == (None, "the runs were judged on different clips or classes")


def test_the_record_holds_everything():
    runs = make_run("a", miss=0.2), replace(make_run("b"), efficiency=make_efficiency(20.0))
    record = compared(*runs).as_json()
    assert (record["reference"], record["clips"], record["resamples"]) == ("a", 8, 300)
    first, second = record["runs"]
    assert first["differences"] == {}
    assert first["scores"]["fps"] is None
    assert second["scores"]["params"] == 2.5
    assert second["differences"]["miou"]["low"] < second["differences"]["miou"]["high"]
    assert second["ranks"] == {"miou": 1, "tc": 1, "fps": 1, "sum": 3, "r": 1}
    assert first["ranks"]["r"] is None
