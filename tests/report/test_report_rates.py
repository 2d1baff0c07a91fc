"""A run gets the rate of its own operating point, or none and a reason: never a wrong one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import make_dataset, make_metrics, make_other, make_run
from tests.report.rate_factory import MACHINE, make_judged, make_rates, propagated
from vstc.artifacts.manifest import input_ref
from vstc.errors import InputError
from vstc.report.rates import FoundRate, open_rates
from vstc.report.sources import open_sources

RATES = {"every frame": 2.5, "evs-06": 7.0, "fast": 22.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("made")
    dataset = make_dataset(root / "data", frames=2, clips=1)
    run = make_run(root / "run", dataset, steps=2)
    refiner = make_other(root / "refiner", kind="vstc.refiner")
    rates = make_rates(root / "rates", run, RATES, beside={"refiner": refiner})
    return {"dataset": dataset, "run": run, "refiner": refiner, "rates": rates, "root": root}


def find(made: dict[str, Path], folder: Path, *rates: Path) -> FoundRate:
    metrics, *_ = sources = open_sources([folder, *(rates or [made["rates"]])])
    return open_rates(sources).of(metrics)


def judge(made: dict[str, Path], folder: Path, config: dict[str, Any], **how: Any) -> FoundRate:
    return find(made, make_judged(folder, made["dataset"], made["run"], config, **how))


def test_settings_find_their_rate(made: dict[str, Path], tmp_path: Path) -> None:
    found = judge(made, tmp_path / "m", propagated("fast")).rate
    assert found is not None
    assert (found.point, found.value) == ("fast", 22.0)
    assert found.where == "64x48, a machine, 2 cores"


def test_predictions_of_every_frame_have_its_rate(made: dict[str, Path], tmp_path: Path) -> None:
    for number, config in enumerate(({}, {"flip": False, "scales": [1.0], "batch": 4})):
        found = judge(made, tmp_path / str(number), config).rate
        assert found is not None
        assert (found.point, found.value) == ("every frame", 2.5)


def test_a_network_that_was_judged_itself_has_the_rate_of_every_frame(
    made: dict[str, Path], tmp_path: Path
) -> None:
    metrics = make_metrics(tmp_path / "m", made["dataset"], tmp_path / "none", lift=0.1)
    assert "not made by a command" in find(made, metrics).reason
    manifest = json.loads((metrics / "manifest.json").read_text())
    manifest["inputs"].append(vars(input_ref("checkpoint", made["run"])))
    (metrics / "manifest.json").write_text(json.dumps(manifest))
    found = find(made, metrics).rate
    assert found is not None
    assert found.point == "every frame"


def test_the_name_of_a_preset_does_not_count(made: dict[str, Path], tmp_path: Path) -> None:
    other = judge(made, tmp_path / "a", propagated("fast", look_ahead=True))
    assert other.rate is None
    assert other.reason == (
        "no operating point with its settings was measured; fast differs in look_ahead"
    )
    renamed = judge(made, tmp_path / "b", propagated("fast", preset=None)).rate
    assert renamed is not None
    assert renamed.point == "fast"


def test_a_refiner_must_be_the_one_that_was_measured(made: dict[str, Path], tmp_path: Path) -> None:
    config = propagated("evs-06")
    known = judge(made, tmp_path / "a", config, beside={"refiner": made["refiner"]}).rate
    assert known is not None
    assert known.point == "evs-06"
    other = make_other(tmp_path / "other", kind="vstc.refiner", width=7)
    assert "its refiner" in judge(made, tmp_path / "b", config, beside={"refiner": other}).reason


@pytest.mark.parametrize("role", ["light", "merge"])
def test_fusion_needs_the_same_networks_beside(
    made: dict[str, Path], tmp_path: Path, role: str
) -> None:
    beside = {name: make_other(tmp_path / name, kind=f"vstc.{name}") for name in ("light", "merge")}
    config = propagated("fast", mode="fusion", carry="probabilities")
    rates = make_rates(tmp_path / "rates", made["run"], {}, beside=beside, fused=config)
    how = {"beside": beside}
    same = make_judged(tmp_path / "a", made["dataset"], made["run"], config, **how)
    found = find(made, same, rates).rate
    assert found is not None
    assert found.point == "fused"
    how = {"beside": {**beside, role: make_other(tmp_path / "other", kind="x", width=3)}}
    other = make_judged(tmp_path / "b", made["dataset"], made["run"], config, **how)
    what = {"light": "light network", "merge": "merging layer"}[role]
    assert find(made, other, rates).reason == f"its {what} is none of those that were measured"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"flip": True}, "more than once"),
        ({"scales": [0.5, 1.0]}, "more than once"),
        ({"propagation": {"keyframe_every": 5}}, "not known here"),
        ({"propagation": "yes"}, "not known here"),
    ],
)
def test_what_was_not_measured_has_no_rate(
    made: dict[str, Path], tmp_path: Path, config: dict[str, Any], says: str
) -> None:
    found = judge(made, tmp_path / "m", config)
    assert found.rate is None
    assert says in found.reason


def test_another_network_has_no_rate(made: dict[str, Path], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", made["dataset"], steps=2, seed=9)
    metrics = make_judged(tmp_path / "m", made["dataset"], run, propagated("fast"))
    assert "its network is none of those" in find(made, metrics).reason


def test_predictions_that_are_gone_or_new_have_no_rate(
    made: dict[str, Path], tmp_path: Path
) -> None:
    metrics = make_judged(tmp_path / "m", made["dataset"], made["run"], propagated("fast"))
    labels = tmp_path / "m-labels"
    text = (labels / "manifest.json").read_text()
    (labels / "manifest.json").write_text(text.replace('"id": "', '"id": "0', 1))
    shutil.move(labels, tmp_path / "elsewhere")
    assert "are gone" in find(made, metrics).reason
    make_judged(tmp_path / "n", made["dataset"], made["run"], propagated("evs-07"))
    shutil.move(tmp_path / "n-labels", labels)
    assert "were made anew since" in find(made, metrics).reason


def test_the_first_of_two_measurements_counts(made: dict[str, Path], tmp_path: Path) -> None:
    more = make_rates(tmp_path / "more", made["run"], {"fast": 99.0, "best": 5.0})
    fast = make_judged(tmp_path / "f", made["dataset"], made["run"], propagated("fast"))
    best = make_judged(tmp_path / "b", made["dataset"], made["run"], propagated("best"))
    values = [find(made, m, made["rates"], more).rate for m in (fast, best)]
    assert [rate and rate.value for rate in values] == [22.0, 5.0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"size": [96, 128]}, r"size \(\[48, 64\] there, \[96, 128\] here\)"),
        ({"left_out": ["decode"]}, "left_out"),
        ({"machine": {"cores": 64}}, "cores"),
    ],
)
def test_rates_that_were_measured_otherwise_are_refused(
    made: dict[str, Path], tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    other = make_rates(tmp_path / "other", made["run"], {"best": 5.0}, **_whole(changes))
    with pytest.raises(InputError, match=says):
        open_rates(open_sources([made["rates"], other]))


def _whole(changes: dict[str, Any]) -> dict[str, Any]:
    return {k: MACHINE | v if k == "machine" else v for k, v in changes.items()}


@pytest.mark.parametrize(
    "spoil",
    [("{", "{"), ('"schema_version": 1', '"schema_version": 9'), ("22.0", "0"), ("vstc.r", "x.r")],
)
def test_spoiled_rates_are_named(
    made: dict[str, Path], tmp_path: Path, spoil: tuple[str, str]
) -> None:
    rates = shutil.copytree(made["rates"], tmp_path / "rates")
    text = (rates / "rates.json").read_text()
    spoiled = text[:40] if spoil[0] == "{" else text.replace(*spoil)
    (rates / "rates.json").write_text(spoiled)
    with pytest.raises(InputError, match=r"rates are not readable: .*rates\.json"):
        open_rates(open_sources([rates]))
