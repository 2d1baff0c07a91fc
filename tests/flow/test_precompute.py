import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.flow.moving_plane import make_dataset, make_frame
from vstc.errors import ConfigError, InputError
from vstc.flow.pipeline import FlowPlan
from vstc.flow.precompute import precompute_flow, skipped_note
from vstc.flow.providers import make_provider
from vstc.flow.settings import PrecomputeSettings
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass, VideoFrame
from vstc.formats.flow.hdf5 import FlowDirection, FlowReader
from vstc.formats.video.files import VideoWriter

NEXT_TO_PREV = FlowDirection.NEXT_TO_PREV
PREV_TO_NEXT = FlowDirection.PREV_TO_NEXT


def precompute(dataset, folder, *, method="dis-ultrafast", **plan):
    return precompute_flow(
        dataset, dataset.clips, make_provider(method), folder=folder, plan=FlowPlan(**plan)
    )


def gray(dataset, clip, index):
    bgr = cv2.imread(str(dataset.frame_source(clip, index)))
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


def test_fields_are_those_of_the_provider(tmp_path):
    dataset = make_dataset(tmp_path / "data", {"a": 4, "b": 3})
    seen = []
    done = precompute_flow(
        dataset,
        dataset.clips,
        make_provider("dis-ultrafast"),
        folder=tmp_path / "flow",
        plan=FlowPlan(gaps=(1, 2), workers=3),
        on_fields=seen.append,
    )
    assert done.computed == ("a", "b")
    assert done.num_fields == sum(seen) == 2 * (3 + 2 + 2 + 1)
    worker = make_provider("dis-ultrafast").make_worker()
    for clip in dataset.clips:
        reader = FlowReader(tmp_path / "flow" / f"{clip.id}.h5")
        assert reader.info.frames == tuple(clip.frame_names)
        assert reader.info.method == "dis-ultrafast"
        for gap in (1, 2):
            for index in range(len(clip.frames) - gap):
                prev, following = gray(dataset, clip, index), gray(dataset, clip, index + gap)
                for direction, expected in (
                    (NEXT_TO_PREV, worker.flow(following, prev)),
                    (PREV_TO_NEXT, worker.flow(prev, following)),
                ):
                    found = reader.read(index, direction=direction, gap=gap)
                    assert np.abs(found - expected).max() <= 0.5 / 64


def test_direction_of_stored_flow_is_the_one_named(tmp_path):
    """The plane moves by (-2, -1) from frame to frame, so next finds prev at (+2, +1)."""
    dataset = make_dataset(tmp_path / "data", {"a": 3})
    precompute(dataset, tmp_path / "flow")
    reader = FlowReader(tmp_path / "flow" / "a.h5")
    for direction, expected in ((NEXT_TO_PREV, (2, 1)), (PREV_TO_NEXT, (-2, -1))):
        flow = reader.read(1, direction=direction)[20:-20, 20:-20]
        np.testing.assert_allclose(np.median(flow.reshape(-1, 2), axis=0), expected, atol=0.1)


def test_number_of_threads_does_not_change_a_byte(tmp_path):
    dataset = make_dataset(tmp_path / "data", {"a": 5, "b": 2, "c": 4})
    for workers in (1, 2, 5):
        precompute(dataset, tmp_path / str(workers), workers=workers, gaps=(1, 3))
    for clip in dataset.clips:
        files = {(tmp_path / str(n) / f"{clip.id}.h5").read_bytes() for n in (1, 2, 5)}
        assert len(files) == 1


def test_video_frames_are_decoded_in_order(tmp_path):
    frames = [make_frame(i, (96, 128), 0) for i in range(5)]
    with VideoWriter(tmp_path / "clip.mp4", fps=30, size=(96, 128)) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    clip = Clip(
        id="v",
        split="x",
        fps=30,
        frame_step=1,
        frames=[VideoFrame(video="clip.mp4", index=i) for i in range(5)],
    )
    classes = [LabelClass(id=0, name="none", color=(0, 0, 0))]
    dataset = Dataset(DatasetRecord(name="t", root=".", classes=classes, clips=[clip]), tmp_path)
    assert precompute(dataset, tmp_path / "flow").num_fields == 8
    flow = FlowReader(tmp_path / "flow" / "v.h5").read(3, direction=NEXT_TO_PREV)
    middle = np.median(flow[20:-20, 20:-20].reshape(-1, 2), axis=0)
    np.testing.assert_allclose(middle, (2, 1), atol=0.3)


def test_scale_gives_vectors_of_the_stored_grid(tmp_path):
    dataset = make_dataset(tmp_path / "data", {"a": 2}, size=(192, 256))
    precompute(dataset, tmp_path / "flow", scale=0.5, directions=(NEXT_TO_PREV,))
    reader = FlowReader(tmp_path / "flow" / "a.h5")
    assert reader.info.size == (96, 128)
    assert reader.info.source_size == (192, 256)
    assert reader.info.directions == (NEXT_TO_PREV,)
    flow = reader.read(0, direction=NEXT_TO_PREV)[20:-20, 20:-20]
    np.testing.assert_allclose(np.median(flow.reshape(-1, 2), axis=0), (1, 0.5), atol=0.1)


def test_sparse_clips_are_left_out_unless_asked_for(tmp_path):
    dataset = make_dataset(tmp_path / "data", {"a": 3}, step=30)
    assert precompute(dataset, tmp_path / "flow").skipped == ("a",)
    assert not (tmp_path / "flow").exists()
    with pytest.raises(InputError, match="no clip can get flow") as caught:
        skipped_note(dataset.clips, FlowPlan())
    assert caught.value.hint == "add --include-sparse"
    done = precompute(dataset, tmp_path / "flow", include_sparse=True)
    assert done.computed == ("a",)


def test_gap_longer_than_a_clip_gives_no_pairs(tmp_path):
    dataset = make_dataset(tmp_path / "data", {"a": 2})
    precompute(dataset, tmp_path / "flow", gaps=(1, 4))
    assert FlowReader(tmp_path / "flow" / "a.h5").info.gaps == (1,)


def test_finished_clips_are_kept(tmp_path):
    dataset = make_dataset(tmp_path / "data", {"a": 3, "b": 3})
    precompute(dataset, tmp_path / "flow")
    expected = (tmp_path / "flow" / "b.h5").read_bytes()
    (tmp_path / "flow" / "b.h5").unlink()
    (tmp_path / "flow" / "a.h5").write_bytes(b"untouched")
    done = precompute(dataset, tmp_path / "flow")
    assert (done.kept, done.computed) == (("a",), ("b",))
    assert (tmp_path / "flow" / "a.h5").read_bytes() == b"untouched"
    assert (tmp_path / "flow" / "b.h5").read_bytes() == expected


@pytest.mark.parametrize("damage", ["truncated", "missing", "size", "tiny"])
def test_bad_frame_is_an_input_error_and_leaves_no_half_file(tmp_path, damage):
    dataset = make_dataset(tmp_path / "data", {"a": 3, "b": 4})
    victim = tmp_path / "data" / "b_0002.png"
    if damage == "missing":
        victim.unlink()
    elif damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:1000])
    else:
        size = (96, 130) if damage == "size" else (5, 5)
        cv2.imwrite(str(victim), make_frame(0, size, 0))
    with pytest.raises(InputError, match="b_0002"):
        precompute(dataset, tmp_path / "flow", workers=2)
    assert [path.name for path in (tmp_path / "flow").iterdir()] == ["a.h5"]


def test_memory_does_not_grow_with_the_clip(tmp_path):
    """Count fields between computed and written instead of measuring a noisy process size."""
    dataset = make_dataset(tmp_path / "data", {"a": 40}, size=(16, 16))
    provider = make_provider("dis-ultrafast")
    worker, started, written, most = provider.make_worker(), [], [], []

    class Counting:
        name, params = provider.name, provider.params

        def make_worker(self):
            return self

        def flow(self, target_gray, source_gray):
            started.append(1)
            most.append(len(started) - len(written))
            return worker.flow(target_gray, source_gray)

    def on_fields(count):
        time.sleep(0.002)
        written.extend([1] * count)

    precompute_flow(
        dataset,
        dataset.clips,
        Counting(),
        folder=tmp_path / "flow",
        plan=FlowPlan(workers=2),
        on_fields=on_fields,
    )
    assert len(started) == 78
    assert max(most) <= 14


def test_killed_and_resumed_gives_the_same_bytes(tmp_path):
    """A real SIGKILL in the middle of a clip."""
    clips = {f"clip{i}": 8 for i in range(6)}
    dataset = make_dataset(tmp_path / "data", clips, size=(240, 320))
    (tmp_path / "data" / "dataset.json").write_text(dataset.record.model_dump_json(by_alias=True))
    command = [sys.executable, "-m", "vstc", "flow", "precompute", str(tmp_path / "data")]
    options = ["--workers", "1", "--method", "dis-medium", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    killed = tmp_path / "killed"
    process = subprocess.Popen([*command, "-o", str(killed), *options], env=environment)
    deadline = time.monotonic() + 20
    while not list(killed.glob("*.h5")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = len(list(killed.glob("*.h5")))
    assert 0 < finished < 6
    assert not (killed / "manifest.json").exists()
    resumed = subprocess.run(
        [*command, "-o", str(killed), *options, "--resume"], env=environment, capture_output=True
    )
    assert resumed.returncode == 0, resumed.stderr
    precompute(dataset, tmp_path / "whole", method="dis-medium", workers=2)
    for clip_id in clips:
        whole = (tmp_path / "whole" / f"{clip_id}.h5").read_bytes()
        assert (killed / f"{clip_id}.h5").read_bytes() == whole
    assert (killed / "manifest.json").is_file()
    assert not list(killed.glob(".*partial"))


def test_settings_are_read_as_typed_on_the_command_line():
    settings = PrecomputeSettings(directions="prev-to-next, next-to-prev", gaps="2,1,2")
    assert settings.directions == (NEXT_TO_PREV, PREV_TO_NEXT)
    assert settings.gaps == (1, 2)
    assert PrecomputeSettings(gaps=3, directions=["next_to_prev"]).gaps == (3,)
    assert PrecomputeSettings.model_validate(settings.as_json()) == settings


@pytest.mark.parametrize(
    "wrong", [{"directions": "forward"}, {"gaps": "0"}, {"gaps": "a"}, {"scale": 2}]
)
def test_wrong_settings_are_refused(wrong):
    from vstc.config import resolve

    with pytest.raises(ConfigError):
        resolve(PrecomputeSettings, flags=wrong)
