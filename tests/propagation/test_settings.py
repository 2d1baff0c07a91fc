"""Settings, presets, and the frame rates that they imply."""

from __future__ import annotations

import pytest

from vstc.config import resolve
from vstc.errors import ConfigError
from vstc.propagation.measuring.rates import (
    PAPER_MIOU,
    PAPER_RATES,
    PartTimes,
    bound_pipelined,
    rate_in_paper,
    rate_sequential,
)
from vstc.propagation.presets import PAPER_TABLE, PRESETS, preset
from vstc.propagation.settings import Mode, PropagateSettings, Refine, Scheme, Warping


@pytest.mark.parametrize("name", sorted(PAPER_TABLE))
def test_the_rate_model_reproduces_the_paper_within_1_percent(name):
    assert rate_in_paper(preset(name)) == pytest.approx(PAPER_RATES[name], rel=0.01)


def test_the_paper_presets_are_its_table():
    table = {
        "01": (1, 1, "yes", "yes"), "02": (1, 2, "yes", "yes"), "03": (1, 2, "yes", "no"),
        "04": (1, 3, "yes", "yes"), "05": (1, 3, "yes", "no"), "06": (1, 5, "yes", "yes"),
        "07": (1, 5, "yes", "no"), "08": (1, 5, "no", "no"), "09": (0.5, 5, "no", "no"),
        "10": (1, 10, "yes", "no"), "11": (1, 10, "no", "no"), "12": (0.5, 10, "yes", "no"),
        "13": (0.5, 10, "no", "no"), "14": (0.5, 17, "yes", "no"),
    }  # fmt: skip
    for number, (scale, interval, warps, refines) in table.items():
        found = preset(f"evs-{number}")
        assert (found.network_scale, found.interval) == (scale, interval)
        assert found.warp == (warps == "yes")
        assert (found.refine is not Refine.NEVER) == (refines == "yes")
    assert preset("evs-01").refine is Refine.FUSE
    assert {preset(f"evs-0{n}").refine for n in (2, 4, 6)} == {Refine.LAST}
    assert PAPER_RATES.keys() == PAPER_MIOU.keys() == PAPER_TABLE.keys()


@pytest.mark.parametrize("name", sorted(PAPER_TABLE))
def test_the_paper_presets_carry_as_the_paper_does(name):
    found = preset(name)
    assert found.scheme is Scheme.CHAINED
    assert found.warping is Warping.EQ1
    assert (found.map_scale, found.carry_scale) == (0.25, 0.25)
    assert (found.iam.flows, found.iam.outside, found.iam.max_age) == (1, False, None)
    assert not found.schedule.cuts
    assert not found.look_ahead
    assert found.flow.make_provider().params["finest_scale"] == 2
    assert found.mode is (Mode.LABELS if found.refine is Refine.NEVER else Mode.EVS)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        preset("balancd")
    assert caught.value.hint.startswith("choose one of: balanced")
    assert {"fast", "balanced", "best"} <= set(PRESETS)


def test_every_parameter_of_a_preset_can_be_overridden():
    sets = ["interval=7", "flow.method=dis-medium", "iam.radius=2", "schedule.cuts=true"]
    found = resolve(PropagateSettings, base=preset("evs-06").as_json(), sets=sets)
    assert (found.interval, found.flow.method, found.iam.radius) == (7, "dis-medium", 2)
    assert found.schedule.cuts
    assert found.refine is Refine.LAST


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"refine": "every"}, "mode=evs"),
        ({"mode": "evs", "refine": "last", "carry": "labels"}, "carry=probabilities"),
        ({"mode": "evs", "refine": "last", "warp": False}, "warp=true"),
        ({"mode": "evs", "refine": "last", "schedule": {"kind": "adaptive"}}, "kind=fixed"),
        ({"mode": "evs", "refine": "fuse", "look_ahead": True}, "look ahead"),
        ({"warping": "eq1"}, "iam.flows=1"),
        ({"warp": False, "schedule": {"kind": "adaptive"}}, "warp=true"),
        ({"interval": 3, "schedule": {"kind": "adaptive", "min_gap": 4}}, "min_gap"),
        ({"schedule": {"target_rate": 0.3}}, "kind=adaptive"),
        ({"interval": 4, "schedule": {"kind": "adaptive", "target_rate": 0.2}}, "1/4"),
        ({"flow": {"method": "dis-ultrafst"}}, "dis-ultrafast"),
        ({"flow": {"method": "motion-vectors"}, "look_ahead": True}, "points back only"),
        (
            {"flow": {"method": "motion-vectors"}, "warping": "eq1", "iam": {"flows": 1}},
            "warping=exact",
        ),
        ({"flow": {"method": "motion-vectors"}, "iam": {"always": True}}, "iam.flows=1"),
        ({"flow": {"method": "motion-vectors", "params": {"finest_scale": 1}}}, "no params"),
        ({"intervall": 3}, "interval"),
        ({"interval": 0}, "interval"),
    ],
)
def test_what_does_not_fit_is_refused(values, word):
    with pytest.raises(ConfigError) as caught:
        resolve(PropagateSettings, flags=values)
    assert word in f"{caught.value.message} {caught.value.hint}"


def test_motion_vectors_go_with_what_needs_flow_back_only():
    flow = {"method": "motion-vectors"}
    carried = PropagateSettings.model_validate({"flow": flow})
    doubted = {"iam": {"flows": 1}, "mode": "evs", "refine": "every"}
    refined = PropagateSettings.model_validate({"flow": flow, **doubted})
    held = PropagateSettings.model_validate({"flow": flow, "warp": False, "look_ahead": True})
    assert [s.flow.method for s in (carried, refined, held)] == ["motion-vectors"] * 3
    with pytest.raises(ConfigError, match="motion-vectors"):
        carried.flow.make_provider()


def test_the_bound_of_a_pipeline_is_its_slowest_part():
    times = PartTimes(
        key_network_ms={1.0: 100.0}, warp_ms=1, refiner_ms=50, fusion_ms=2, flow_ms=20
    )
    settings = PropagateSettings.model_validate({"interval": 5})
    assert bound_pipelined(settings, times, workers=1) == pytest.approx(5 / 0.1)
    assert rate_sequential(settings, times) == pytest.approx(5 / 0.184)
    two_flows = PropagateSettings.model_validate({"interval": 5, "mode": "evs", "refine": "last"})
    assert bound_pipelined(two_flows, times, workers=1) == pytest.approx(5 / 0.16)
    assert bound_pipelined(two_flows, times, workers=2) == pytest.approx(5 / 0.15)
    every = two_flows.model_copy(update={"refine": Refine.EVERY})
    assert bound_pipelined(every, times, workers=4) == pytest.approx(5 / 0.3)


def test_held_results_cost_the_key_network_alone():
    times = PartTimes(key_network_ms={0.5: 40.0}, warp_ms=1, refiner_ms=50, fusion_ms=2, flow_ms=9)
    assert rate_sequential(preset("evs-13"), times) == pytest.approx(10 / 0.04)
