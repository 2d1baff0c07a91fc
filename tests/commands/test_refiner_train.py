"""``vstc refiner train``, from flags to a run folder, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.moving import draw_scene, write_flow, write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.dataset import load_dataset
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.inference.checkpoint import load_network
from vstc.inference.refiner_checkpoint import load_refiner
from vstc.training.log import read_log

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ["--crop", "33x41", "--batch", "2", "--steps", "2", "--width", "16"]
QUIET = ["--workers", "1", "--device", "cpu", "-q"]


@pytest.fixture(scope="module")
def network(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("network") / "run", moving_dataset)


def train(*arguments: object) -> list[object]:
    return ["refiner", "train", *QUICK, *QUIET, *arguments]


def test_a_refiner_is_trained_validated_and_recorded(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "run"
    done = run(*train(network, moving_dataset, "-o", out, "--interval", 4, "--json"))
    shown = done.json
    assert shown["frames"] == {"labelled": 4}
    assert (shown["steps"], shown["distances"], shown["val_frames"]) == (2, [1, 3], 5)
    assert shown["refiner_gmacs"] > 0
    assert shown["cost_ratio"] == pytest.approx(
        shown["refiner_gmacs"] / shown["network_gmacs"], abs=0.02
    )
    manifest = read_manifest(out, kind="vstc.refiner")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint", "dataset"]
    assert manifest["config"]["propagation"]["interval"] == 4
    found = load_refiner(out)
    assert found.network.id == manifest["inputs"][0]["id"]
    assert found.propagation["interval"] == 4
    scores = read_log(out)[-1]
    assert shown["miou_at_3"] == [scores["miou_warped_at_3"], scores["miou_at_3"]]
    assert {f"miou{kind}_at_{k}" for kind in ("", "_warped") for k in (1, 2, 3)} <= set(scores)


def test_stored_flow_and_other_choices_reach_the_record(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    flow = moving_dataset / "flow"
    run(
        *train(network, moving_dataset, "-o", tmp_path / "run", "--flow", flow, "--val-split", ""),
        *("--refiner", "residual", "--targets", "own", "--checkpoint", "best"),
        *("--set", "propagation.iam.flows=1", "--set", "refiner.residual=true"),
    )
    manifest = read_manifest(tmp_path / "run")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint", "dataset", "flow"]
    assert manifest["metrics"]["best_miou"] is None
    assert load_refiner(tmp_path / "run").refiner.takes_residual
    run(
        *("refiner", "train", network, moving_dataset, "-o", tmp_path / "again", *QUIET),
        *("--flow", flow, "--config", tmp_path / "run/manifest.json"),
    )
    assert read_manifest(tmp_path / "again")["config"] == manifest["config"]


def test_pseudo_labels_of_the_network_are_labels_like_any_others(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    pseudo = tmp_path / "pseudo"
    run("pseudo-label", network, moving_dataset, "-o", pseudo, "--split", "train", *QUIET)
    command = train(network, pseudo, "--flow", moving_dataset / "flow", "--val-split", "")
    shown = run(*command, "-o", tmp_path / "run", "--json").json
    # Of 6 frames 2 have true labels, and the first has none before it.
    assert shown["frames"] == {"labelled": 2 * 3}
    load_refiner(tmp_path / "run").require(load_network(network))


def test_frames_alone_suffice_where_the_network_labels_them(
    network: Path, tmp_path: Path, run: Any
) -> None:
    """Flow is computed, and there is nothing to validate on."""
    frames = write_moving_dataset(tmp_path / "frames", train=1, val=0).folder
    record = json.loads((frames / "dataset.json").read_text())
    record["classes"] = []
    for clip in record["clips"]:
        clip["labels"] = {}
    (frames / "dataset.json").write_text(json.dumps(record))
    command = train(network, frames, "-o", tmp_path / "run")
    assert "was trained on other classes" in refused(run, 3, *command)
    shown = run(*command, "--targets", "own", "--json").json
    assert (shown["frames"], shown["val_frames"]) == ({"own": 5}, 0)
    assert load_refiner(tmp_path / "run").step == 2


def test_both_costs_are_told_and_a_dear_refiner_is_warned_of(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    command = ["refiner", "train", network, moving_dataset, "-o", tmp_path / "run", "--dry-run"]
    cheap = run(*command, "--width", 16, "--crop", "97x97", "--device", "cpu")
    assert "the refiner costs" in cheap.stderr
    assert "warning" not in cheap.stderr
    dear = run(*command, "--crop", "97x97", "--device", "cpu", "-q")
    assert "warning: the refiner costs" in dear.stderr
    assert "more than half of the network" in dear.stderr
    assert list(tmp_path.iterdir()) == []


def test_dry_run_checks_all_and_writes_nothing(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    shown = run(*train(network, moving_dataset, "-o", tmp_path / "x", "--dry-run", "--json")).json
    assert (shown["refiner"], shown["network"], shown["tap"]) == (
        "residual",
        "pspnet-tiny",
        "cls.2",
    )
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_kept_resumed_or_overwritten(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    command = train(network, moving_dataset, "-o", tmp_path / "run", "--val-split", "")
    run(*command)
    before = (tmp_path / "run/last.pt").stat().st_mtime_ns
    assert "--resume" in run(*command, code=4).stderr
    run(*command, "--resume")
    assert (tmp_path / "run/last.pt").stat().st_mtime_ns == before
    says = run(*command, "--resume", "--interval", 3, code=4).stderr
    assert "propagation.interval (5 then, 3 now)" in says
    run(*command, "--overwrite", "--interval", 3)
    assert load_refiner(tmp_path / "run").propagation["interval"] == 3


def refused(run: Any, code: int, *arguments: object) -> str:
    done = run(*arguments, code=code)
    assert done.stdout == ""
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    return str(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--refiner", "icnet"], "made of parts of icnet, the network is pspnet-tiny"),
        (["--refiner", "other"], "refiner.name"),
        (["--cut", "r9"], "refiner.cut"),
        (["--targets", "none"], "targets"),
        (["--crop", "100x97"], "for instance 97"),
        (["--split", "trian"], "unknown split: trian"),
        (["--val-split", "test"], "nothing to validate on: unknown split: test"),
        (["--set", "propagation.refine=never"], "propagation must be one that is refined"),
        (["--set", "propagation.flow.method=raft"], "flow method"),
        (["--set", "stepz=1"], "unknown setting: stepz"),
    ],
)
def test_wrong_settings_are_usage_errors_before_anything_is_written(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any, arguments: list[str], says: str
) -> None:
    command = train(network, moving_dataset, "-o", tmp_path / "run", *arguments)
    assert says in refused(run, 2, *command)
    assert list(tmp_path.iterdir()) == []


def test_inputs_that_do_not_fit_are_refused(
    network: Path, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "run"
    assert "not readable" in refused(run, 3, *train(network, broken(tmp_path), "-o", out))
    says = refused(run, 3, *train(tmp_path / "none", moving_dataset, "-o", out))
    assert "none" in says
    still = write_moving_dataset(tmp_path / "still").folder
    text = (still / "dataset.json").read_text()
    (still / "dataset.json").write_text(text.replace('"frame_step": 1', '"frame_step": 30'))
    says = refused(run, 3, *train(network, still, "-o", out))
    assert "no labelled frame in split train with a frame before it" in says
    assert "--targets own" in says
    says = refused(run, 3, *train(network, still, "-o", out, "--targets", "own"))
    assert "has no clip of consecutive frames" in says
    text = text.replace('"name": "disc"', '"name": "ball"')
    (still / "dataset.json").write_text(text)
    assert "was trained on other classes" in refused(run, 3, *train(network, still, "-o", out))
    assert not out.exists()


def broken(tmp_path: Path) -> Path:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/dataset.json").write_text('{"schema": "vstc.dataset", "clips"')
    return tmp_path / "broken"


def test_stored_flow_that_lacks_something_is_refused(
    network: Path, tmp_path: Path, run: Any
) -> None:
    dataset = write_moving_dataset(tmp_path / "data").folder
    clip, scene = load_dataset(dataset).clips[0], draw_scene(0)
    command = train(network, dataset, "-o", tmp_path / "run", "--flow", dataset / "flow")
    write_flow(dataset / "flow", clip, scene, directions=(FlowDirection.NEXT_TO_PREV,))
    says = refused(run, 3, *command)
    assert "has no prev_to_next" in says
    assert "propagation.iam.flows=1" in says
    run(*command, "--set", "propagation.iam.flows=1", "--dry-run")
    write_flow(dataset / "flow", clip, scene, gaps=(2,))
    assert "lacks gap 1" in refused(run, 3, *command)
    (dataset / "flow/val0.h5").unlink()
    write_flow(dataset / "flow", clip, scene)
    assert "flow for clip val0 is missing" in refused(run, 3, *command)
    run(*command, "--val-split", "", "--dry-run")


def test_a_truncated_frame_is_named(network: Path, tmp_path: Path, run: Any) -> None:
    dataset = write_moving_dataset(tmp_path / "data").folder
    frame = dataset / "frames/train1/003.png"
    frame.write_bytes(frame.read_bytes()[:200])
    command = train(network, dataset, "-o", tmp_path / "run", "--steps", 8, "--val-split", "")
    assert "frames/train1/003.png" in refused(run, 3, *command)
    assert not (tmp_path / "run/manifest.json").exists()
