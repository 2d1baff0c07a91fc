"""``vstc bench train``: rates of training, without a trace on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ["--model", "pspnet-tiny", "--crop", "33x41", "--batch", "2", "--steps", "2"]
QUIET = ["--workers", "1", "--device", "cpu", "-q"]


def test_rates_and_waiting_share_are_measured(
    moving_dataset: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shown = run("bench", "train", moving_dataset, *QUICK, *QUIET, "--json").json
    assert (shown["steps"], shown["model"], shown["crop"]) == (2, "pspnet-tiny", [33, 41])
    assert shown["images_per_second"] > 0
    assert 0 <= shown["data_wait_share"] <= 1
    assert shown["gmacs_per_image"] > 0
    assert not list(tmp_path.glob("vstc-bench-*"))


def test_wrong_settings_and_inputs_are_refused(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    command = ["bench", "train", moving_dataset, *QUICK, *QUIET]
    assert "lr" in run(*command, "--set", "lrr=1", code=2).stderr
    assert "for instance 97" in run(*command, "--crop", "97x100", code=2).stderr
    assert "needs flow" in run(*command, "--terms", "ce,tl", code=2).stderr
    assert "no data set" in run("bench", "train", tmp_path / "x", *QUICK, *QUIET, code=3).stderr
