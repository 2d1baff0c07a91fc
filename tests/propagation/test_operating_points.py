"""Operating points are the same when all their settings are, whatever they are called."""

from __future__ import annotations

import pytest

from vstc.propagation.measuring.operating_points import (
    changed_keys,
    operating_point,
    plain_point,
    preset_of,
)
from vstc.propagation.presets import PRESETS, preset
from vstc.propagation.run_settings import choose_settings


def run_of(name: str, **flags: object) -> dict[str, object]:
    chosen = choose_settings(
        config_file=None, sets=None, flags={"propagation.preset": name} | flags
    )
    return chosen.with_flow_method("dis-ultrafast").propagation.as_json()


@pytest.mark.parametrize("name", PRESETS)
def test_the_record_of_a_run_gives_its_operating_point_back(name: str) -> None:
    config = run_of(name)
    assert config["preset"] == name
    found = operating_point(config)
    assert found == preset(name)
    assert found is not None
    assert preset_of(found) == name
    assert operating_point(plain_point(found)) == found


def test_an_overridden_preset_is_none() -> None:
    found = operating_point(run_of("evs-06", **{"propagation.refine": "every"}))
    assert found is not None
    assert preset_of(found) is None
    assert changed_keys(found, preset("evs-06")) == ["refine"]


def test_an_old_record_that_lacks_a_setting_means_its_default() -> None:
    config = run_of("fast")
    del config["switch"]
    assert operating_point(config) == preset("fast")


@pytest.mark.parametrize("config", [{"keyframe_every": 5}, {"interval": "many"}])
def test_settings_of_another_program_are_none_of_ours(config: dict[str, object]) -> None:
    assert operating_point(config) is None


def test_changes_are_named_down_to_the_nested_setting() -> None:
    first, second = preset("evs-06"), preset("balanced")
    keys = changed_keys(first, second)
    assert {"mode", "iam.flows", "flow.params", "schedule.cuts"} <= set(keys)
    assert changed_keys(first, first) == []
