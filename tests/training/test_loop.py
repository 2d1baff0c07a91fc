"""The training loop: exact resumption, checkpoints, divergence, and that it learns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.killed_command import run_killed
from tests.moving import write_moving_dataset
from tests.tiny_runs import TABLE, tiny_settings, write_run
from tests.training.test_samples import make_maker
from vstc.artifacts.manifest import read_manifest
from vstc.artifacts.workspace import Workspace, open_artifact
from vstc.errors import InputError, OutputError
from vstc.inference.checkpoint import load_network, read_checkpoint
from vstc.options import ExistingOutput
from vstc.training.batches import join_samples
from vstc.training.log import RunLog, read_log
from vstc.training.loop import TrainingDiverged
from vstc.training.settings import TrainSettings
from vstc.training.task import SegmentationTask
from vstc.training.train import TrainInputs, plan_training, run_training

pytestmark = pytest.mark.usefixtures("one_thread")
TIMINGS = {"images_per_second", "images_per_cpu_second", "data_wait_share"}


@pytest.fixture(scope="module")
def teacher(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "run"
    return write_run(folder, moving_dataset, model="pspnet-small", seed=5)


@contextmanager
def opened(
    output: Path, settings: TrainSettings, existing: ExistingOutput = ExistingOutput.REFUSE
) -> Iterator[Workspace]:
    with open_artifact(
        output, kind="vstc.checkpoint", config=settings.as_json(), existing=existing
    ) as workspace:
        yield workspace


def train(
    output: Path,
    dataset: Path,
    *,
    teacher: Path | None = None,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    **changes: Any,
) -> dict[str, Any]:
    settings = tiny_settings(**changes)
    inputs = TrainInputs(dataset=dataset, teacher=teacher, flow=(dataset / "flow",))
    plan = plan_training(inputs, settings, device="cpu")
    with opened(output, settings, existing) as workspace:
        figures = run_training(plan, workspace, workers=1, advance=lambda _count: None)
        workspace.finish(metrics=figures, volatile=["metrics.jsonl"])
    return figures


def timeless(output: Path) -> list[dict[str, Any]]:
    """The log without what a clock says."""
    return [
        {key: value for key, value in line.items() if key not in TIMINGS}
        for line in read_log(output)
    ]


def assert_same(one: Any, two: Any, where: str = "checkpoint") -> None:
    """Compare nested checkpoints to the bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_same(one[key], two[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(two), where
        for place, (a, b) in enumerate(zip(one, two, strict=True)):
            assert_same(a, b, f"{where}.{place}")
    else:
        assert one == two, where


def test_a_run_killed_again_and_again_ends_like_one_that_was_never_stopped(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    command = [
        *("distill", moving_dataset, "--teacher", teacher, "--flow", moving_dataset / "flow"),
        *("--terms", "ce,pf,mf,tl", "--model", "pspnet-tiny", "--crop", "33x41", "--batch", 2),
        *("--steps", 12, "--workers", 1, "--device", "cpu", "-q", "--set", "log_every=1"),
        *("--set", "checkpoint_every=3", "--set", "validate_every=5"),
    ]
    kills, _ = run_killed(command, tmp_path / "killed", moments=[1, 5, 6, 11, 13], seed=1)
    assert kills >= 4
    run(*command, "-o", tmp_path / "whole")
    assert timeless(tmp_path / "killed") == timeless(tmp_path / "whole")
    assert len(timeless(tmp_path / "whole")) == 12 + 3
    for name in ("last.pt", "best.pt"):
        contents = [read_checkpoint(tmp_path / which / name) for which in ("killed", "whole")]
        assert_same(*contents, where=name)
    ids = {read_manifest(tmp_path / which)["id"] for which in ("killed", "whole")}
    assert len(ids) == 1
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left == {"best.pt", "last.pt", "metrics.jsonl", "manifest.json"}


def test_a_changed_setting_refuses_to_resume_by_name(moving_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), opened(tmp_path / "run", tiny_settings()):
        raise RuntimeError("stopped")
    resumed = {"existing": ExistingOutput.RESUME}
    with pytest.raises(OutputError, match=r"lr \(0\.01 then, 0\.5 now\)$"):
        train(tmp_path / "run", moving_dataset, lr=0.5, **resumed)
    with pytest.raises(OutputError, match=r"weights\.tl \(0\.1 then, 1\.0 now\)"):
        train(tmp_path / "run", moving_dataset, weights={"tl": 1}, **resumed)


def test_checkpoints_hold_tensors_and_plain_values_only(
    moving_dataset: Path, teacher: Path, tmp_path: Path
) -> None:
    figures = train(tmp_path / "run", moving_dataset, teacher=teacher, terms=("ce", "mf"))
    assert figures["steps"] == 4
    for name in ("last.pt", "best.pt"):
        content = torch.load(tmp_path / "run" / name, weights_only=True)
        assert content["schema"] == "vstc.checkpoint"
    last = read_checkpoint(tmp_path / "run" / "last.pt")
    assert {"optimizer", "multi_frame", "torch_random"} <= last.keys()
    assert TrainSettings.model_validate_json(last["settings"]).crop == (33, 41)
    network = load_network(tmp_path / "run")
    assert [entry.name for entry in network.table.classes] == ["ground", "square", "disc"]
    assert network.step == 4


def test_best_is_the_checkpoint_of_the_highest_miou(moving_dataset: Path, tmp_path: Path) -> None:
    figures = train(
        tmp_path / "run", moving_dataset, steps=8, validate_every=2, val_split="val", lr=0.3
    )
    scores = {line["step"]: line["miou"] for line in read_log(tmp_path / "run") if "miou" in line}
    assert set(scores) == {2, 4, 6, 8}
    best_step = max(scores, key=lambda step: scores[step])
    assert (figures["best_step"], figures["best_miou"]) == (best_step, scores[best_step])
    assert load_network(tmp_path / "run").step == best_step
    assert load_network(tmp_path / "run", which="last").step == 8
    assert all(line["tc"] is not None for line in read_log(tmp_path / "run") if "tc" in line)


def test_a_resumed_run_remembers_its_best(
    moving_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.8, None, 0.5, 0.4, 0.3])

    def scripted(*_arguments: object, **_options: object) -> dict[str, float | None]:
        score = next(scores)
        if score is None:
            raise KeyboardInterrupt
        return {"miou": score, "macc": None, "aacc": None, "tc": None}

    monkeypatch.setattr("vstc.training.train.validate", scripted)
    changes = {"validate_every": 1, "checkpoint_every": 1, "val_split": "val"}
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", moving_dataset, **changes)
    figures = train(tmp_path / "run", moving_dataset, existing=ExistingOutput.RESUME, **changes)
    assert (figures["best_step"], figures["best_miou"]) == (1, 0.8)
    assert load_network(tmp_path / "run").step == 1


def test_without_validation_the_last_weights_are_the_best(
    moving_dataset: Path, tmp_path: Path
) -> None:
    figures = train(tmp_path / "run", moving_dataset)
    assert figures["best_miou"] is None
    best, last = (read_checkpoint(tmp_path / "run" / f"{name}.pt") for name in ("best", "last"))
    assert_same(best["weights"], last["weights"])


def test_a_diverged_loss_stops_the_run_and_spares_the_last_good_checkpoint(
    moving_dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingDiverged, match=r"not finite after step|the loss is (nan|inf)"):
        train(
            tmp_path / "run",
            moving_dataset,
            steps=40,
            lr=1e18,
            log_every=40,
            checkpoint_every=1,
        )
    assert not (tmp_path / "run" / "manifest.json").exists()
    last = tmp_path / "run" / "last.pt"
    if last.exists():
        weights = read_checkpoint(last)["weights"]
        assert all(bool(value.isfinite().all()) for value in weights.values())


def test_a_loss_that_is_no_number_names_its_step(moving_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged, match=r"the loss is \w+ at step \d+$") as caught:
        train(tmp_path / "run", moving_dataset, steps=40, lr=1e18)
    step = int(caught.value.message.split()[-1])
    assert [line["step"] for line in read_log(tmp_path / "run")] == list(range(1, step))


def test_gradient_norms_are_logged_whatever_the_period_of_the_log(
    moving_dataset: Path, tmp_path: Path
) -> None:
    train(tmp_path / "run", moving_dataset, terms=("ce", "tl"), log_every=4, gradient_norms_every=2)
    lines = read_log(tmp_path / "run")
    assert [line["step"] for line in lines] == [2, 4]
    assert all(set(line["gradient_norms"]) == {"ce", "tl"} for line in lines)


def test_log_is_cut_back_to_the_step_of_the_checkpoint(tmp_path: Path) -> None:
    log = RunLog(tmp_path, resume_at=0)
    for step in range(1, 6):
        log.add("step", step, {"loss": step / 2})
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"event": "step", "st')
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2, 3, 4, 5]
    RunLog(tmp_path, resume_at=3).add("step", 4, {"loss": 9})
    assert [(line["step"], line["loss"]) for line in read_log(tmp_path)] == [
        *((1, 0.5), (2, 1.0), (3, 1.5), (4, 9)),
    ]
    RunLog(tmp_path, resume_at=0)
    assert read_log(tmp_path) == []


def test_a_finished_run_is_not_trained_again(moving_dataset: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", moving_dataset)
    before = (tmp_path / "run" / "last.pt").stat().st_mtime_ns
    settings = tiny_settings()
    with opened(tmp_path / "run", settings, ExistingOutput.RESUME) as workspace:
        assert workspace.is_complete
    assert (tmp_path / "run" / "last.pt").stat().st_mtime_ns == before


def test_a_truncated_frame_ends_the_training_by_name(tmp_path: Path) -> None:
    dataset = write_moving_dataset(tmp_path / "data", train=1, val=0).folder
    frame = dataset / "frames/train0/003.png"
    frame.write_bytes(frame.read_bytes()[:200])
    with pytest.raises(InputError, match=r"frames/train0/003\.png"):
        train(tmp_path / "run", dataset, steps=10)
    assert not (tmp_path / "run" / "manifest.json").exists()


def temporal_loss_of(run_folder: Path, dataset: Path) -> float:
    """Temporal loss of a trained network on a few pairs that are always the same."""
    settings = tiny_settings(terms=("tl",))
    task = SegmentationTask(load_network(run_folder).model, None, settings, table=TABLE)
    upright = {"scale": (1.0, 1.0), "flip": 0.0, "crop": (41, 57), "temporal_share": 1.0}
    maker = make_maker(dataset, terms=("ce", "tl"), **upright)
    with torch.no_grad():
        batches = [join_samples([maker.make(step, slot) for slot in (0, 1)]) for step in range(4)]
        return sum(float(task(batch).total) for batch in batches) / len(batches)


def test_twenty_steps_of_distillation_lower_the_temporal_loss(
    moving_dataset: Path, teacher: Path, tmp_path: Path
) -> None:
    """Against the same steps with a weight of 0; measured ratios lie at 0.08 .. 0.32."""
    losses = {}
    for weight in (0.0, 10.0):
        train(
            tmp_path / f"run{weight}",
            moving_dataset,
            teacher=teacher,
            terms=("ce", "pf", "mf", "tl"),
            weights={"tl": weight},
            steps=20,
            crop=(41, 57),
            scale=(1.0, 1.0),
            lr=0.005,
            temporal_share=1.0,
        )
        losses[weight] = temporal_loss_of(tmp_path / f"run{weight}", moving_dataset)
    assert losses[10.0] < 0.6 * losses[0.0]


def test_figures_of_the_log_are_plain_json(moving_dataset: Path, tmp_path: Path) -> None:
    figures = train(tmp_path / "run", moving_dataset)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["parameters"] > 10**5
    assert figures["images_per_second"] > 0
    assert 0 <= figures["data_wait_share"] <= 1
