"""Fixtures that many tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from typer.testing import CliRunner

os.environ.setdefault("OMP_NUM_THREADS", "2")

# A busy machine is no fault of a test; and the same examples every time where nobody looks on.
settings.register_profile("vstc", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("vstc")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets; the test is skipped where it is absent."""
    places = [PROJECT.parent / "shared" / "data", PROJECT / "shared" / "data"]
    if "VSTC_DATA" in os.environ:
        places.insert(0, Path(os.environ["VSTC_DATA"]))
    for place in places:
        if place.is_dir():
            return place
    pytest.skip("real data is not here; set VSTC_DATA to its folder")


class Outcome:
    """What a command printed and how it ended."""

    def __init__(self, exit_code: int, stdout: str, stderr: str) -> None:
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def app() -> Any:
    from vstc.cli import build_app

    return build_app()


@pytest.fixture
def run(app: Any) -> Run:
    """Run a command in this process: ``run("flow", "precompute", path, "-o", out)``."""

    def call(*arguments: object, code: int | None = 0) -> Outcome:
        done = CliRunner().invoke(app, [str(part) for part in arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        outcome = Outcome(done.exit_code, done.stdout, done.stderr)
        if code is not None:
            assert outcome.exit_code == code, outcome.stderr + outcome.stdout
        return outcome

    return call


@pytest.fixture(scope="session")
def moving_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny data set of moving shapes with exact flow in ``flow/``; do not change it."""
    from tests.moving import write_moving_dataset

    return write_moving_dataset(tmp_path_factory.mktemp("moving")).folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute with one thread: for tiny networks on busy machines, more only wait for each other.

    It also makes a run in this process equal, to the bit, one in a process with one thread.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
