"""``vstc bench metrics``: a table or one JSON object, without a trace on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ["--size", "64x80", "--frames", "2", "--clips", "1", "--clip-frames", "2"]
QUIET = ["--workers", "1", "--repeats", "1", "-q"]


def test_costs_and_projections_are_printed(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shown = run("bench", "metrics", *QUICK, *QUIET, "--json").json
    assert shown["consistency"]["whole"]["cpu_seconds"] > 0
    assert [row["metric"] for row in shown["projection"]] == ["tc", "tsb"]
    text = run("bench", "metrics", *QUICK, *QUIET).stdout
    assert "decoding and flow" in text
    assert "100 clips of 30 frames" in text
    assert not list(tmp_path.glob("vstc-bench-*"))


def test_wrong_settings_are_refused(run: Any) -> None:
    assert (
        "--size big is not HEIGHTxWIDTH" in run("bench", "metrics", "--size", "big", code=2).stderr
    )
    assert (
        "dis-medum" in run("bench", "metrics", *QUICK, "--flow-method", "dis-medum", code=2).stderr
    )
