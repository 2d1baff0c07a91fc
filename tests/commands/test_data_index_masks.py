"""``vstc data index`` of objects, faces and mattes, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vstc.formats.alpha import read_alpha
from vstc.formats.dataset import load_dataset
from vstc.formats.images import encode_gray, encode_rgb, read_labels, read_rgb

Run = Callable[..., Any]


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_matting(root: Path, *, num_backgrounds: int = 3) -> Path:
    random = np.random.default_rng(1)
    ramp = np.tile(np.linspace(0, 255, 20).astype(np.uint8), (15, 1))
    for name in ("a", "b", "more/c"):
        put(root / "alpha" / f"{name}.png", encode_gray(ramp))
        put(root / "fg" / f"{name}.png", encode_rgb(np.full((15, 20, 3), 200, np.uint8)))
    for index in range(num_backgrounds):
        image = random.integers(0, 256, (12, 30, 3)).astype(np.uint8)
        put(root / "bg" / f"{index}.png", encode_rgb(image))
    return root


def index(run: Run, root: Path, output: Path, *words: str) -> Any:
    each = ("--set", "backgrounds_each=2")
    return run("data", "index", "matting", root, "-o", output, "--json", "-q", *each, *words).json


def test_foregrounds_are_put_over_different_backgrounds(run: Run, tmp_path: Path) -> None:
    made = index(run, make_matting(tmp_path / "raw"), tmp_path / "out")
    assert [(clip["id"], clip["frames"]) for clip in made["clips"]] == [
        ("a", 2),
        ("b", 2),
        ("more/c", 2),
    ]
    dataset = load_dataset(tmp_path / "out")
    assert [entry.name for entry in dataset.classes] == ["background", "unknown", "foreground"]
    frames = []
    for clip in dataset.clips:
        assert not clip.is_consecutive
        for place, name in enumerate(clip.frame_names):
            frame = read_rgb(dataset.root / str(clip.frames[place]))
            alpha = read_alpha(dataset.root / "alpha" / clip.id / f"{name}.png")
            trimap = read_labels(dataset.root / clip.labels[name])
            assert (frame[:, -1] == 200).all(), "where alpha is 1, the foreground is seen"
            assert set(np.unique(trimap)) <= {0, 128, 255}
            assert alpha.shape == trimap.shape == (15, 20)
            frames.append(frame.tobytes())
    assert len(set(frames)) == 3, "six frames share three backgrounds"
    assert frames[0] != frames[1]


def test_the_seed_decides(run: Run, tmp_path: Path) -> None:
    root = make_matting(tmp_path / "raw", num_backgrounds=20)
    for name, seed in (("x", "1"), ("y", "1"), ("z", "2")):
        index(run, root, tmp_path / name, "--seed", seed)
    read = {n: sorted((tmp_path / n / "frames").rglob("*.png")) for n in "xyz"}
    content = {n: [path.read_bytes() for path in paths] for n, paths in read.items()}
    assert content["x"] == content["y"] != content["z"]


def test_without_backgrounds_the_images_are_the_frames(run: Run, tmp_path: Path) -> None:
    index(run, make_matting(tmp_path / "raw", num_backgrounds=0), tmp_path / "out")
    frame = read_rgb(tmp_path / "out/frames/a/a_000.png")
    assert (frame == 200).all()


def test_killed_and_resumed_is_uninterrupted(run: Run, tmp_path: Path) -> None:
    root = make_matting(tmp_path / "raw")
    for name in ("whole", "part"):
        index(run, root, tmp_path / name)
    (tmp_path / "part/manifest.json").rename(tmp_path / "part/progress.json")
    for name in ("dataset.json", "frames/b/b_001.png", "trimaps/b/b_001.png"):
        (tmp_path / "part" / name).unlink()
    index(run, root, tmp_path / "part", "--resume")
    ids = [
        json.loads((tmp_path / n / "manifest.json").read_text())["id"] for n in ("whole", "part")
    ]
    assert ids[0] == ids[1]


def test_dry_run_writes_nothing_and_tells_sizes(run: Run, tmp_path: Path) -> None:
    made = index(run, make_matting(tmp_path / "raw"), tmp_path / "out", "--dry-run")
    assert made["clips"][0]["size"] == [15, 20]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no alpha", "has no folder of alpha"),
        ("no partner", "1 foreground(s) have no alpha"),
        ("size", "is 19x15, its foreground 20x15"),
    ],
)
def test_what_does_not_fit_is_refused(change: str, message: str, run: Run, tmp_path: Path) -> None:
    root = make_matting(tmp_path / "raw")
    if change == "no alpha":
        (root / "alpha").rename(root / "other")
    elif change == "no partner":
        (root / "alpha/b.png").unlink()
    else:
        put(root / "alpha/b.png", encode_gray(np.zeros((15, 19), np.uint8)))
    done = run("data", "index", "matting", root, "-o", tmp_path / "out", code=3)
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_davis_youtube_vis_and_faces_are_indexed(run: Run, tmp_path: Path) -> None:
    frame = encode_rgb(np.zeros((4, 10, 3), np.uint8))
    ids = encode_gray(np.tile(np.arange(5, dtype=np.uint8), (4, 2)))
    put(tmp_path / "davis/bear/frames/00000.png", frame)
    put(tmp_path / "davis/bear/masks/00000.png", ids)
    put(tmp_path / "ytvis/train/JPEGImages/v/00000.jpg", frame)
    video = {"id": 1, "width": 10, "height": 4, "length": 1, "file_names": ["v/00000.jpg"]}
    content = {"videos": [video], "categories": [{"id": 1, "name": "person"}]}
    put(tmp_path / "ytvis/train/instances.json", json.dumps(content).encode())
    put(tmp_path / "faces/images_orig/001_000001.jpg", frame)
    put(tmp_path / "faces/labels_orig/001_000001.png", ids)
    for layout, root, extra in (
        ("davis", "davis", ()),
        ("youtube-vis", "ytvis", ()),
        ("300vw-mask", "faces", ("--set", "lists=none")),
    ):
        out = tmp_path / f"{layout} out"
        arguments = ("data", "index", layout, tmp_path / root, "-o", out, *extra)
        assert run(*arguments, "--dry-run", "--json").json["clips"][0]["frames"] == 1
        assert not out.exists()
        run(*arguments)
        assert len(load_dataset(out).clips) == 1
        assert "output exists" in run(*arguments, code=4).stderr
