"""The demo's chain: every step is a command line that a person could type."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vstc.errors import VstcError

REPORT = "report/report.html"
_FILES = Path(__file__).parent


@dataclass(frozen=True)
class Step:
    """One command of the chain.

    Attributes:
        name: What it makes; also the name of its output folder.
        explains: What happens, in a few words.
        arguments: Arguments of ``vstc``, without the shared ones.
        seconds: About how long it takes on two cores.
    """

    name: str
    explains: str
    arguments: tuple[str, ...]
    seconds: float

    def command_line(self) -> str:
        """Return what to type."""
        return shlex.join(["vstc", *self.arguments])


class StepFailed(VstcError):
    """A step of the chain ended with an error; it has said why itself."""

    def __init__(self, step: Step, exit_code: int) -> None:
        super().__init__(
            f"step {step.name} failed with exit code {exit_code}",
            hint="repair it, then run the demo again with --resume",
        )
        self.exit_code = exit_code


@dataclass(frozen=True)
class _Places:
    """Folders of the chain, and the arguments that name them."""

    folder: Path
    seed: int

    def at(self, name: str) -> str:
        return str(self.folder / name)

    def out(self, name: str) -> tuple[str, str]:
        return "-o", self.at(name)

    def recipe(self, name: str) -> tuple[str, ...]:
        return "--config", str(_FILES / f"{name}.toml"), "--seed", str(self.seed)


def demo_chain(folder: Path, *, seed: int) -> list[Step]:
    """List the steps of the demo.

    Args:
        folder: Where all outputs go, one folder a step.
        seed: Seed of the scenes and of all trainings.
    """
    places = _Places(folder, seed)
    return [
        *_data_steps(places),
        *_training_steps(places),
        *_judging_steps(places, "baseline"),
        *_judging_steps(places, "student"),
        _report_step(places),
    ]


def _data_steps(places: _Places) -> list[Step]:
    flow = ("flow", "precompute", places.at("data"), *places.out("flow"))
    return [
        Step(
            "data",
            "street scenes: few labels for training, all of them for testing",
            ("data", "synth", *places.out("data"), *places.recipe("data")),
            15,
        ),
        Step(
            "flow",
            "optical flow (DIS) between neighbouring training frames",
            (*flow, "--split", "train,extra,val", "--gaps", "1,2"),
            7,
        ),
    ]


def _training_steps(places: _Places) -> list[Step]:
    data, flow = places.at("data"), ("--flow", places.at("flow"))

    def train(name: str) -> tuple[str, ...]:
        return "teacher", "train", data, *places.out(name), *places.recipe(name), *flow

    pseudo = ("pseudo-label", places.at("teacher"), data, *places.out("pseudo"))
    student = ("distill", data, *places.out("student"), *places.recipe("student"), *flow)
    return [
        Step("baseline", "a small network, trained frame by frame", train("baseline"), 30),
        Step("teacher", "a larger network, with the temporal loss", train("teacher"), 110),
        Step(
            "pseudo",
            "the teacher labels the frames that have no label",
            (*pseudo, "--config", str(_FILES / "pseudo.toml")),
            20,
        ),
        Step(
            "student",
            "the small network again, from labels, pseudo labels and the teacher",
            (*student, "--teacher", places.at("teacher"), "--pseudo", places.at("pseudo")),
            120,
        ),
    ]


def _judging_steps(places: _Places, name: str) -> list[Step]:
    predictions, metrics = f"predictions-{name}", f"metrics-{name}"
    data, truth = places.at("data"), places.at("data/truth-flow")
    judge = ("evaluate", places.at(predictions), "--dataset", data, "--split", "test")
    return [
        Step(
            predictions,
            f"the {name} labels every held-out frame on its own",
            ("predict", places.at(name), data, *places.out(predictions), "--split", "test"),
            5,
        ),
        Step(
            metrics,
            f"mIoU and TC of the {name}, by the true flow",
            (*judge, "--flow", truth, *places.out(metrics)),
            3,
        ),
    ]


def _report_step(places: _Places) -> Step:
    shown = ["data", "pseudo", "flow", "baseline", "teacher", "student"]
    shown += ["predictions-baseline", "predictions-student", "metrics-baseline", "metrics-student"]
    arguments = ("report", *(places.at(name) for name in shown), *places.out("report"))
    return Step(
        "report", "one page with everything", (*arguments, "--title", "A steady student"), 10
    )


def run_chain(
    steps: list[Step], *, resume: bool, quiet: bool, announce: Callable[[str], None]
) -> float:
    """Run the steps one after the other, each as a process of its own.

    Args:
        steps: The chain.
        resume: Keep what is finished.
        quiet: Pass ``--quiet`` on.
        announce: Takes a line for the person at the terminal.

    Returns:
        Seconds.

    Raises:
        StepFailed: A step ended with an error.
    """
    started = time.monotonic()
    shared = ["--resume"] if resume else []
    shared += ["--quiet"] if quiet else []
    for number, step in enumerate(steps, start=1):
        announce(f"[{number}/{len(steps)}] {step.explains}\n    $ {step.command_line()}")
        command = [sys.executable, "-m", "vstc", *step.arguments, *shared]
        # The results of the steps are not the demo's result: they go to stderr with the rest.
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        if done.returncode:
            raise StepFailed(step, done.returncode)
    return time.monotonic() - started
