"""Artifacts for reports, made by the real writers from a few moving shapes."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.manifest import InputRef, input_ref
from vstc.artifacts.workspace import open_artifact
from vstc.formats.dataset import (
    Clip,
    Dataset,
    DatasetRecord,
    LabelClass,
    load_dataset,
    write_dataset,
)
from vstc.formats.images import encode_labels, encode_rgb, read_labels

CLASSES = (
    LabelClass(id=0, name="ground", color=(128, 64, 128)),
    LabelClass(id=1, name="sky", color=(70, 130, 180)),
    LabelClass(id=2, name="disc", color=(220, 20, 60)),
    LabelClass(id=3, name="void", color=(0, 0, 0), ignore=True),
)
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Made:
    """Folders of a small project."""

    dataset: Path
    baseline: dict[str, Path]
    student: dict[str, Path]

    @property
    def all(self) -> list[Path]:
        return [self.dataset, *self.baseline.values(), *self.student.values()]


def make_project(
    root: Path,
    *,
    size: tuple[int, int] = (48, 64),
    frames: int = 9,
    clips: int = 2,
    steps: int = 40,
) -> Made:
    """Make a data set and two runs on it, the second one steadier than the first."""
    dataset = make_dataset(root / "data", size=size, frames=frames, clips=clips)
    runs = {}
    for name, noise, seed in (("baseline", 0.10, 1), ("student", 0.02, 2)):
        run = make_run(root / name, dataset, steps=steps, seed=seed)
        predictions = make_predictions(root / f"predict-{name}", dataset, run, noise=noise)
        metrics = make_metrics(root / f"eval-{name}", dataset, predictions, lift=0.5 - noise)
        runs[name] = {"run": run, "predictions": predictions, "metrics": metrics}
    return Made(dataset=dataset, baseline=runs["baseline"], student=runs["student"])


def labels_of(clip: int, frame: int, size: tuple[int, int]) -> Labels:
    """Draw a disc that moves over ground and sky."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    labels = np.where(y < height * 0.4, 1, 0).astype(np.uint8)
    centre_x = width * (0.2 + 0.05 * frame + 0.1 * clip)
    centre_y = height * (0.5 + 0.1 * math.sin(0.5 * frame))
    labels[(x - centre_x) ** 2 + (y - centre_y) ** 2 < (height * 0.18) ** 2] = 2
    labels[-2:] = 3
    return labels


def make_dataset(
    folder: Path,
    *,
    size: tuple[int, int] = (48, 64),
    frames: int = 9,
    clips: int = 2,
    labelled: bool = True,
    name: str = "shapes",
) -> Path:
    shade = np.array([[110, 100, 90], [150, 190, 230], [200, 90, 60], [20, 20, 20]], np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette[:4] = [entry.color for entry in CLASSES]
    records = []
    with open_artifact(folder, kind="vstc.dataset", config={"seed": 0}) as workspace:
        for clip in range(clips):
            names = [f"{frame:03d}" for frame in range(frames)]
            for frame, stem in enumerate(names):
                labels = labels_of(clip, frame, size)
                texture = np.random.default_rng(7).integers(0, 24, (*size, 1))
                image = (shade[labels] + texture).astype(np.uint8)
                workspace.write_bytes(f"images/c{clip}/{stem}.png", encode_rgb(image))
                workspace.write_bytes(f"labels/c{clip}/{stem}.png", encode_labels(labels, palette))
            records.append(
                Clip(
                    id=f"c{clip}",
                    split="train" if clip else "val",
                    fps=25.0,
                    frame_step=1,
                    frames=[f"images/c{clip}/{stem}.png" for stem in names],
                    labels={stem: f"labels/c{clip}/{stem}.png" for stem in names if labelled},
                )
            )
        write_dataset(
            folder,
            DatasetRecord(name=name, root=".", classes=list(CLASSES), clips=records),
        )
        workspace.finish()
    return folder


def make_pseudo_dataset(folder: Path, dataset: Path) -> Path:
    """Make pseudo labels: the true ones with some pixels left out."""
    source = load_dataset(dataset)
    inputs = [input_ref("dataset", dataset)]
    clips = []
    with open_artifact(folder, kind="vstc.dataset", config={}, inputs=inputs) as workspace:
        for place, clip in enumerate(source.clips):
            for frame, stem in enumerate(clip.frame_names):
                labels = labels_of(place, frame, (48, 64))
                labels[:, :8] = 255
                data = encode_labels(labels, source.palette())
                workspace.write_bytes(f"{clip.id}/{stem}.png", data)
            clips.append(
                clip.model_copy(
                    update={
                        "frames": [f"../{dataset.name}/{frame}" for frame in clip.frames],
                        "labels": {stem: f"{clip.id}/{stem}.png" for stem in clip.frame_names},
                        "pseudo": {stem: (0.93, 0.87) for stem in clip.frame_names},
                    }
                )
            )
        write_dataset(
            folder,
            source.record.model_copy(update={"clips": clips, "label_source": "pseudo"}),
        )
        disc = {"threshold": 0.55, "predicted_share": 0.05, "kept_share": 0.4}
        workspace.finish(metrics={"kept_share": 0.87, "classes": {"disc": disc}})
    return folder


def make_run(
    folder: Path, dataset: Path, *, steps: int = 40, seed: int = 1, validated: bool = True
) -> Path:
    rng = np.random.default_rng(seed)
    lines: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        ce = 1.6 * math.exp(-3 * step / steps) + 0.2 + 0.1 * float(rng.random())
        terms = {"ce": ce, "tl": 0.3 * ce} | ({"pf": 0.2 * ce} if seed > 1 else {})
        lines.append(
            {
                "event": "step",
                "step": step,
                "loss": sum(terms.values()),
                "terms": terms,
                "lr": 0.01 * (1 - step / (steps + 1)) ** 0.9,
                "images_per_second": 40 + 4 * float(rng.random()),
                "data_wait_share": 0.05 * float(rng.random()),
            }
        )
        if validated and step % max(1, steps // 5) == 0:
            miou = 0.6 - 0.4 * math.exp(-4 * step / steps) + 0.02 * seed
            tc = None if seed == 1 else 0.7 + 0.1 * step / steps
            record = {"miou": miou, "macc": miou, "aacc": miou, "tc": tc}
            lines.append({"event": "validation", "step": step} | record)
    config = {"model": "pspnet18", "steps": steps, "seed": seed}
    inputs = [input_ref("dataset", dataset)]
    with open_artifact(folder, kind="vstc.checkpoint", config=config, inputs=inputs) as workspace:
        text = "\n".join(json.dumps(line) for line in lines)
        workspace.write_bytes("metrics.jsonl", text.encode())
        workspace.write_bytes("best.pt", bytes([seed]))
        figures = {"best_miou": 0.6, "tc": 0.8, "images_per_second": 42.0, "parameters": 12345678}
        workspace.finish(metrics=figures, volatile=["metrics.jsonl"])
    return folder


def make_predictions(folder: Path, dataset: Path, run: Path, *, noise: float) -> Path:
    source = load_dataset(dataset)
    inputs = [input_ref("dataset", dataset), input_ref("checkpoint", run)]
    rng = np.random.default_rng(3)
    with open_artifact(folder, kind="vstc.predictions", config={}, inputs=inputs) as workspace:
        for place, clip in enumerate(source.clips):
            size = _size_of(source.root / str(clip.frames[0]))
            for frame, stem in enumerate(clip.frame_names):
                labels = labels_of(place, frame, size)
                labels[-2:] = 0
                shift = round(noise * 100 * (rng.random() - 0.5))
                labels = np.roll(labels, shift, axis=1)
                blob = rng.random((6, 8)) < noise
                tall, wide = -(-size[0] // 6), -(-size[1] // 8)
                is_wrong = np.kron(blob, np.ones((tall, wide), bool))[: size[0], : size[1]]
                labels[is_wrong] = (labels[is_wrong] + 1) % 3
                data = encode_labels(labels, source.palette())
                workspace.write_bytes(f"{clip.id}/{stem}.png", data)
        workspace.finish(metrics={"images_per_second": 31.5})
    return folder


def make_metrics(
    folder: Path,
    dataset: Path,
    predictions: Path,
    *,
    lift: float,
    tc: bool = True,
    splits: list[str] | None = None,
    is_old: bool = False,
) -> Path:
    """Make scores; old ones know nothing of single frames, of Tsb and of flicker."""
    source = load_dataset(dataset)
    rng = np.random.default_rng(round(1000 * lift))
    miou, value = 0.2 + lift, 0.45 + lift if tc else None
    totals = {"miou": miou, "macc": miou + 0.05, "aacc": 0.9, "fwiou": 0.85}
    record = {
        "schema": "vstc.metrics",
        "schema_version": 1,
        "dataset": source.name,
        "protocol": {
            "absent": "null",
            "splits": splits or [],
            "tc": {"mode": "nearest", "flow": {"method": "dis-medium"}},
        },
        "totals": totals | {"tc": value, "tc_seq": value, "tc_acc": value},
        "per_class": [
            {"id": entry.id, "name": entry.name, "iou": miou - 0.1 * entry.id, "tc": value}
            for entry in source.classes
        ],
        "per_clip": [
            {"id": clip.id, "frames": len(clip.frames), "miou": miou, "tc": value}
            for clip in source.clips
        ],
        "confusion": confusion_of(source, predictions),
    }
    if not is_old:
        add_flicker(record, rng)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "index", "frame", "next_frame", "accuracy", "valid_pixels"])
    for clip in source.clips if tc else ():
        names = clip.frame_names
        for index in range(len(names) - 1):
            accuracy = min(1.0, 0.5 + lift - (0.5 - lift) * 2 * float(rng.random()))
            writer.writerow([clip.id, index, names[index], names[index + 1], accuracy, 99])
    inputs = [input_ref("dataset", dataset)]
    if (predictions / "manifest.json").is_file():
        inputs.append(input_ref("predictions", predictions))
    with open_artifact(folder, kind="vstc.metrics", config={}, inputs=inputs) as workspace:
        workspace.write_json("metrics.json", record)
        workspace.write_bytes("per_pair.csv", text.getvalue().encode())
        if not is_old:
            workspace.write_bytes("per_frame.csv", frames_csv(source, rng))
        workspace.finish(metrics=record["totals"])
    return folder


def confusion_of(source: Dataset, predictions: Path) -> list[list[int]]:
    """Count true against predicted classes, with one more row and column for other ids."""
    counts = np.zeros((4, 4), int)
    for place, clip in enumerate(source.clips):
        for frame, stem in enumerate(clip.frame_names):
            path = predictions / clip.id / f"{stem}.png"
            if path.is_file():
                predicted = read_labels(path)
                true = labels_of(place, frame, (predicted.shape[0], predicted.shape[1]))
                np.add.at(counts, (true[true < 3], predicted[true < 3]), 1)
    return counts.tolist()


def add_flicker(record: dict[str, Any], rng: np.random.Generator) -> None:
    """Add the scores of flicker and of outlines to a record."""
    record["totals"] |= {"tsb": 0.012, "jitter": 0.021, "aba_rate": 0.004, "area_flicker": 0.08}
    record["protocol"]["tsb"] = {"scale": "raw"}
    for entry in record["per_class"]:
        is_steady = entry["name"] == "sky"
        entry["tsb"] = None if is_steady else 0.02 * float(rng.random())
        entry["area_flicker"] = 0.1 * float(rng.random())
    for entry in record["per_clip"]:
        entry["jitter"] = 0.02 * float(rng.random())


def frames_csv(source: Dataset, rng: np.random.Generator) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "index", "frame", "labelled_pixels", "accuracy", "miou"])
    for clip in source.clips:
        for index, name in enumerate(clip.frame_names):
            if name in clip.labels:
                miou = 0.5 + 0.4 * float(rng.random())
                writer.writerow([clip.id, index, name, 2900, miou + 0.1, miou])
    return text.getvalue().encode()


def make_other(folder: Path, *, kind: str = "vstc.sketches", **config: Any) -> Path:
    inputs = [InputRef(role="masks", path="somewhere/else", kind="raw", id="0" * 16)]
    with open_artifact(folder, kind=kind, config=config, inputs=inputs) as workspace:
        workspace.write_bytes("payload.bin", b"payload")
        workspace.finish(metrics={"sketches": 12})
    return folder


def _size_of(path: Path) -> tuple[int, int]:
    from vstc.formats.images import image_size

    return image_size(path)
