"""``vstc merge train``, from flags to a run folder, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.moving import write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.inference.merge_checkpoint import load_merge
from vstc.training.log import read_log

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ["--crop", "33x41", "--batch", "2", "--steps", "2"]
QUIET = ["--workers", "1", "--device", "cpu", "-q"]


@pytest.fixture(scope="module")
def network(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "run"
    return write_run(folder, moving_dataset, model="pspnet-small")


@pytest.fixture(scope="module")
def light(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("light") / "run", moving_dataset, seed=1)


def train(*arguments: object) -> list[object]:
    return ["merge", "train", *QUICK, *QUIET, *arguments]


def test_a_layer_is_trained_validated_and_recorded(
    network: Path, light: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    """Without stored flow; it is computed."""
    out = tmp_path / "run"
    command = train(network, moving_dataset, "--light", light, "-o", out, "--interval", 4)
    shown = run(*command, "--json").json
    assert shown["frames"] == {"labelled": 4}
    assert (shown["steps"], shown["distances"], shown["val_frames"]) == (2, [1, 3], 5)
    assert (shown["network"], shown["light"]) == ("pspnet-small", "pspnet-tiny")
    assert 0 < shown["light_gmacs"] < shown["network_gmacs"]
    assert shown["parameters"] == 3 * 6 + 3
    manifest = read_manifest(out, kind="vstc.merge")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint", "light", "dataset"]
    assert manifest["config"]["propagation"]["mode"] == "fusion"
    found = load_merge(out)
    assert [found.network.id, found.light.id] == [ref["id"] for ref in manifest["inputs"][:2]]
    assert found.propagation["interval"] == 4
    scores = read_log(out)[-1]
    assert shown["miou_at_3"] == [scores["miou_mean_at_3"], scores["miou_at_3"]]
    names = ("miou", "miou_mean", "miou_carried", "miou_light")
    assert {f"{name}_at_{k}" for name in names for k in (1, 2, 3)} <= set(scores)


def test_stored_flow_and_other_choices_reach_the_record(
    network: Path, light: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    flow, run_folder = moving_dataset / "flow", tmp_path / "run"
    run(
        *train(network, moving_dataset, "--light", light, "-o", run_folder, "--flow", flow),
        *("--val-split", "", "--targets", "own", "--lr", 0.001, "--seed", 3),
    )
    manifest = read_manifest(run_folder)
    roles = [ref["role"] for ref in manifest["inputs"]]
    assert roles == ["checkpoint", "light", "dataset", "flow"]
    assert (manifest["config"]["lr"], manifest["seed"]) == (0.001, 3)
    assert manifest["metrics"]["best_miou"] is None
    run(
        *("merge", "train", network, moving_dataset, "--light", light, *QUIET, "--flow", flow),
        *("-o", tmp_path / "again", "--config", run_folder / "manifest.json"),
    )
    assert read_manifest(tmp_path / "again")["config"] == manifest["config"]


def test_both_costs_are_told_and_a_dear_light_network_is_warned_of(
    network: Path, light: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    words = ["merge", "train", *QUICK, "--device", "cpu", "--dry-run", "-o", tmp_path / "x"]
    cheap = run(*words, network, moving_dataset, "--light", light)
    assert "pspnet-tiny, for every frame, costs" in cheap.stderr
    assert "warning" not in cheap.stderr
    dear = run(*words, light, moving_dataset, "--light", network)
    assert "warning: pspnet-small, for every frame, costs" in dear.stderr
    assert "should cost less than the network" in dear.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_better_than_the_layer_is_told(
    network: Path, light: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    told = 0
    for lr in (1e-9, 1e6):
        command = train(network, moving_dataset, "--light", light, "-o", tmp_path / str(lr))
        done = run(*command, "--lr", lr, "--set", "weight_decay=1e-6", "--json")
        for name, what in (
            ("mean", "the mean of both scores"),
            ("carried", "the carried feature alone"),
            ("light", "the light network alone"),
        ):
            is_better = done.json[f"best_miou_{name}"] > done.json["best_miou"]
            assert (f"warning: {what}" in done.stderr) == is_better
            told += is_better
    assert 0 < told < 6


def test_an_existing_run_is_kept_resumed_or_overwritten(
    network: Path, light: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    command = train(network, moving_dataset, "--light", light, "-o", tmp_path / "run")
    command += ["--val-split", ""]
    run(*command)
    before = (tmp_path / "run/last.pt").stat().st_mtime_ns
    assert "--resume" in run(*command, code=4).stderr
    run(*command, "--resume")
    assert (tmp_path / "run/last.pt").stat().st_mtime_ns == before
    says = run(*command, "--resume", "--interval", 3, code=4).stderr
    assert "propagation.interval (5 then, 3 now)" in says
    run(*command, "--overwrite", "--interval", 3)
    assert load_merge(tmp_path / "run").propagation["interval"] == 3


def refused(run: Any, code: int, *arguments: object) -> str:
    done = run(*arguments, code=code)
    assert done.stdout == ""
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    return str(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--targets", "none"], "targets"),
        (["--crop", "100x97"], "for instance 97"),
        (["--set", "propagation.mode=labels"], "propagation must be one that merges"),
        (["--set", "propagation.warp=false"], "propagation must be one that merges"),
        (["--set", "propagation.look_ahead=true"], "propagation.look_ahead must be off"),
        (["--set", "propagation.refine=every"], "refine needs mode=evs"),
        (["--set", "propagation.flow.method=raft"], "flow method"),
        (["--interval", "3", "--set", "val_distances=[4]"], "val_distances must lie between 1 and"),
        (["--set", "stepz=1"], "unknown setting: stepz"),
    ],
)
def test_wrong_settings_are_usage_errors_before_anything_is_written(
    network: Path,
    light: Path,
    moving_dataset: Path,
    tmp_path: Path,
    run: Any,
    arguments: list[str],
    says: str,
) -> None:
    command = train(network, moving_dataset, "--light", light, "-o", tmp_path / "run", *arguments)
    assert says in refused(run, 2, *command)
    assert list(tmp_path.iterdir()) == []


def test_inputs_that_do_not_fit_are_refused(
    network: Path, light: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "run"
    other = write_moving_dataset(tmp_path / "other").folder
    text = (other / "dataset.json").read_text()
    (other / "dataset.json").write_text(text.replace('"name": "disc"', '"name": "ball"'))
    stranger = write_run(tmp_path / "stranger", other)
    says = refused(run, 3, *train(network, moving_dataset, "--light", stranger, "-o", out))
    assert "the key network and the light network differ in their classes" in says
    says = refused(run, 3, *train(network, other, "--light", light, "-o", out))
    assert "was trained on other classes" in says
    says = refused(run, 3, *train(network, moving_dataset, "--light", tmp_path / "no", "-o", out))
    assert "no" in says
    assert not out.exists()
