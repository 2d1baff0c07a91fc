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


def demo_chain(folder: Path, *, seed: int) -> list[Step]:
    """List the steps of the demo.

    Args:
        folder: Where all outputs go, one folder a step.
        seed: Seed of the scenes and of all trainings.
    """
    data, flow = str(folder / "data"), str(folder / "flow")
    truth = str(folder / "data" / "truth-flow")

    def out(name: str) -> tuple[str, str]:
        return "-o", str(folder / name)

    def recipe(name: str) -> tuple[str, ...]:
        return "--config", str(_FILES / f"{name}.toml"), "--seed", str(seed)

    def run(name: str) -> str:
        return str(folder / name)

    def judged(name: str) -> list[Step]:
        predictions = f"predictions-{name}"
        return [
            Step(
                predictions,
                f"the {name} labels every held-out frame on its own",
                ("predict", run(name), data, *out(predictions), "--split", "test"),
                8,
            ),
            Step(
                f"metrics-{name}",
                f"mIoU and TC of the {name}, with the true flow",
                (
                    *("evaluate", run(predictions), "--dataset", data, "--split", "test"),
                    *("--flow", truth, *out(f"metrics-{name}")),
                ),
                5,
            ),
        ]

    trained = ("--flow", flow)
    return [
        Step(
            "data",
            "street scenes: few labels for training, all of them for testing",
            ("data", "synth", *out("data"), *recipe("data")),
            10,
        ),
        Step(
            "flow",
            "optical flow (DIS) between neighbouring training frames",
            ("flow", "precompute", data, *out("flow"), "--split", "train,val", "--gaps", "1,2"),
            10,
        ),
        Step(
            "baseline",
            "the small network, trained frame by frame on the labels",
            ("teacher", "train", data, *out("baseline"), *recipe("baseline"), *trained),
            60,
        ),
        Step(
            "teacher",
            "a larger network, with the temporal loss",
            ("teacher", "train", data, *out("teacher"), *recipe("teacher"), *trained),
            80,
        ),
        Step(
            "pseudo",
            "the teacher labels the frames that have no label",
            ("pseudo-label", run("teacher"), data, *out("pseudo"), "--split", "train"),
            20,
        ),
        Step(
            "student",
            "the small network again, from labels, pseudo labels and the teacher",
            (
                *("distill", data, *out("student"), *recipe("student"), *trained),
                *("--teacher", run("teacher"), "--pseudo", run("pseudo")),
            ),
            80,
        ),
        *judged("baseline"),
        *judged("student"),
        Step(
            "report",
            "one page with everything",
            (
                *("report", data, run("pseudo"), run("baseline"), run("teacher"), run("student")),
                *(run("predictions-baseline"), run("predictions-student")),
                *(run("metrics-baseline"), run("metrics-student"), flow),
                *(*out("report"), "--title", "vstc demo: a steady student"),
            ),
            8,
        ),
    ]


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
