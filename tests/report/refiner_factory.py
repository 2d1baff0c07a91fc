"""Trained refiners and merging layers, made in code: logs and manifests without weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import input_ref
from vstc.artifacts.workspace import open_artifact


def make_refiner(
    folder: Path,
    run: Path,
    *,
    kind: str = "vstc.refiner",
    lift: float = 0.02,
    validated: bool = True,
) -> Path:
    other = "miou_warped" if kind == "vstc.refiner" else "miou_mean"
    lines: list[dict[str, Any]] = []
    for step in (10, 20):
        terms = {"refiner": 1 / step, "refined": 0.5 / step}
        lines.append({"event": "step", "step": step, "loss": 1.5 / step, "terms": terms, "lr": 0.1})
        if validated:
            own = 0.5 + lift * step / 10
            at = {f"miou_at_{k}": own - 0.01 * k for k in (1, 2, 4)}
            at |= {f"{other}_at_{k}": 0.5 - 0.02 * k for k in (1, 2, 4)}
            lines.append({"event": "validation", "step": step, "miou": own, other: 0.5, **at})
    about = {"kind": kind, "config": {"seed": 0}, "inputs": [input_ref("checkpoint", run)]}
    with open_artifact(folder, **about) as workspace:
        workspace.write_bytes("metrics.jsonl", "\n".join(map(json.dumps, lines)).encode())
        figures = {"parameters": 136310, "steps": 20, "images_per_second": 8.9}
        best = {"best_miou": 0.5 + 2 * lift, "best_step": 20} if validated else {}
        workspace.finish(metrics=figures | best, volatile=["metrics.jsonl"])
    return folder
