"""Settings of a run, flow that it needs, threads that it gets, and what is foreseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from vstc.config import resolve
from vstc.errors import ConfigError
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.propagation.clip_writer import Threads
from vstc.propagation.flows import directions_needed
from vstc.propagation.presets import PRESETS, preset
from vstc.propagation.run_settings import PropagateRunSettings, choose_settings
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.threads.forecast import Forecast

PREV, NEXT = FlowDirection.NEXT_TO_PREV, FlowDirection.PREV_TO_NEXT


def choose(**sources: Any) -> PropagateRunSettings:
    return choose_settings(**{"config_file": None, "sets": None, "flags": {}} | sources)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_taken_as_it_is(name: str) -> None:
    chosen = choose(flags={"propagation.preset": name}).propagation
    own = {key: value for key, value in chosen.as_json().items()}
    assert (own.pop("preset"), own.pop("flow_method")) == (name, None)
    assert own == preset(name).as_json()


def test_without_a_word_it_is_balanced_or_what_a_refiner_was_trained_with() -> None:
    assert choose().propagation.preset == "balanced"
    trained = PropagateSettings.model_validate({"interval": 7, "carry": "probabilities"}).as_json()
    own = choose(trained_with=trained).propagation
    assert (own.preset, own.interval) == (None, 7)
    named = choose(trained_with=trained, flags={"propagation.preset": "evs-07"}).propagation
    assert (named.preset, named.interval) == ("evs-07", 5)


def test_flags_go_before_sets_before_the_file_before_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "how.toml"
    file.write_text('[propagation]\npreset = "evs-14"\ninterval = 3\nmap_scale = 0.5\n')
    chosen = choose(
        config_file=file,
        sets=["propagation.interval=4", "propagation.iam.radius=2"],
        flags={"propagation.interval": None, "propagation.carry": "probabilities"},
    ).propagation
    assert (chosen.preset, chosen.network_scale) == ("evs-14", 0.5)
    assert (chosen.interval, chosen.map_scale, chosen.iam.radius) == (4, 0.5, 2)
    assert chosen.carry == "probabilities"


def test_another_flow_method_leaves_the_parameters_of_the_presets_own() -> None:
    assert preset("best").flow.params
    flags = {"propagation.preset": "best", "propagation.flow.method": "farneback"}
    assert choose(flags=flags).propagation.flow.params == {}
    own = {"propagation.preset": "best", "propagation.flow.method": preset("best").flow.method}
    assert choose(flags=own).propagation.flow.params == preset("best").flow.params
    given = choose(flags=flags, sets=["propagation.flow.params.levels=2"])
    assert given.propagation.flow.params == {"levels": 2}


def test_labels_are_the_key_frames_unless_a_schedule_is_chosen() -> None:
    assert choose(has_labels=True).propagation.schedule.kind == "given"
    fixed = choose(has_labels=True, flags={"propagation.schedule.kind": "fixed"})
    assert fixed.propagation.schedule.kind == "fixed"


def test_a_manifest_repeats_the_settings_of_a_refiner_too(tmp_path: Path) -> None:
    trained = preset("evs-06").as_json() | {"interval": 7}
    first = choose(trained_with=trained).with_flow_method("dis-fast")
    file = tmp_path / "manifest.json"
    file.write_text('{"config": ' + first.model_dump_json() + "}")
    assert choose(config_file=file, trained_with=preset("best").as_json()) == first


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["propagation.preset=evs-15"], "unknown preset: evs-15"),
        (["propagation.preset=3"], "is no name"),
        (["propagation.intervall=3"], "unknown setting: propagation.intervall"),
        (["propagation.refine=every"], "propagation: refine needs mode=evs"),
        (["probabilities=true"], "probabilities need propagation.carry=probabilities"),
        (["missing=skip"], "missing"),
    ],
)
def test_what_does_not_fit_is_told_in_words(sets: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        choose(sets=sets)
    assert "{" not in caught.value.message


def settings_of(**values: Any) -> PropagateSettings:
    return resolve(
        PropagateSettings, flags={key.replace("__", "."): v for key, v in values.items()}
    )


@pytest.mark.parametrize(
    ("values", "needed"),
    [
        ({}, (PREV,)),
        ({"warp": False}, ()),
        ({"look_ahead": True}, (PREV, NEXT)),
        ({"iam__always": True}, (PREV, NEXT)),
        ({"iam__always": True, "iam__flows": 1}, (PREV,)),
        ({"warping": "eq1", "iam__flows": 1}, (NEXT,)),
        ({"warping": "eq1", "iam__flows": 1, "look_ahead": True}, (NEXT, PREV)),
    ],
)
def test_only_the_directions_that_are_asked_for_are_needed(
    values: dict[str, Any], needed: tuple[FlowDirection, ...]
) -> None:
    assert directions_needed(settings_of(**values)) == needed


def test_networks_on_the_processor_get_the_cores_that_flow_leaves() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("meta")
    assert Threads.of(None, cores=8, device=cpu) == Threads(4, 4)
    assert Threads.of(None, cores=1, device=cpu) == Threads(1, 1)
    assert Threads.of(6, cores=8, device=cpu) == Threads(6, 2)
    assert Threads.of(9, cores=8, device=cpu) == Threads(9, 1)
    assert Threads.of(None, cores=8, device=gpu) == Threads(8, 1)


def never(_index: int) -> bool:
    return False


def test_a_forecast_follows_the_key_frames_that_are_placed() -> None:
    forecast = Forecast(settings_of(interval=4), never)
    assert [i for i in range(9) if forecast.is_key(i)] == [0, 4, 8]
    assert [i for i in range(9) if forecast.goes_forth(i)] == [1, 2, 3, 5, 6, 7]
    forecast.placed(6)  # a scene began
    assert [i for i in range(6, 15) if forecast.is_key(i)] == [6, 10, 14]
    assert not any(forecast.goes_back(i) for i in range(15))


def test_a_forecast_with_look_ahead_carries_from_both_sides() -> None:
    forecast = Forecast(settings_of(interval=5, look_ahead=True, switch=0.5), never)
    assert [i for i in range(11) if forecast.goes_forth(i)] == [1, 2, 6, 7]
    assert [i for i in range(11) if forecast.goes_back(i)] == [3, 4, 8, 9]


def test_a_forecast_of_given_keys_asks_for_them() -> None:
    given = Forecast(settings_of(schedule__kind="given"), lambda index: index in {0, 3})
    assert [i for i in range(6) if given.is_key(i)] == [0, 3]
    assert [i for i in range(6) if given.goes_forth(i)] == [1, 2, 4, 5]
    held = Forecast(settings_of(warp=False), never)
    assert not any(held.goes_forth(i) or held.goes_back(i) for i in range(9))
    adaptive = Forecast(settings_of(schedule__kind="adaptive", look_ahead=True), never)
    assert all(adaptive.goes_forth(i) and adaptive.goes_back(i) for i in range(9))
