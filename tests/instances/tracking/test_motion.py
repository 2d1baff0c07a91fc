"""Flow from each frame to the one before: stored or computed, and where there is none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.instances.archives import write_archive
from tests.moving import draw_scene, write_flow
from vstc.errors import ConfigError, InputError
from vstc.flow.providers import make_provider
from vstc.formats.dataset import Clip
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.formats.objects.store import InstanceArchive, InstanceClip
from vstc.instances.tracking.feed import FrameFeed
from vstc.instances.tracking.motion import ComputedMotion, Motion, StoredMotion
from vstc.instances.tracking.pictures import DatasetPictures, PictureReader, Pictures

SIZE = (48, 64)


def masks(folder: Path, names: list[str], *, size: tuple[int, int] = SIZE) -> InstanceArchive:
    frames = {"val0": [[] for _ in names]}
    return InstanceArchive(write_archive(folder, frames, size=size, names={"val0": names}))


def fed(
    archive: InstanceArchive, motion: Motion | None, pictures: Pictures, *, keeps: bool = False
) -> list[tuple[bool, np.ndarray | None]]:
    """Whether there is a picture, and the flow, of each frame."""
    clip = archive.clips[0]
    with ThreadPoolExecutor(2) as pool:
        feed = FrameFeed(
            clip, pictures=pictures, motion=motion, keeps_pictures=keeps, pool=pool, ahead=2
        )
        frames = list(feed.frames(archive.frames(clip.id)))
    assert [frame.instances.name for frame in frames] == list(clip.frame_names)
    return [(frame.picture is not None, frame.flow_next_to_prev) for frame in frames]


def test_stored_flow_is_found_by_frame_names(moving_dataset: Path, tmp_path: Path) -> None:
    archive = masks(tmp_path / "m", ["001", "002", "004", "005", "other"])
    motion = StoredMotion(moving_dataset / "flow")
    motion.check(archive.clips[0])
    scene = draw_scene(2)
    flows = [flow for _, flow in fed(archive, motion, [None] * 5)]
    assert [flow is not None for flow in flows] == [False, True, False, True, False]
    assert flows[1] is not None
    assert (flows[1] == scene.flow(2, 1)).all()


def test_flow_of_another_resolution_is_brought_to_the_masks(
    moving_dataset: Path, tmp_path: Path
) -> None:
    archive = masks(tmp_path / "m", ["001", "002"], size=(96, 128))
    flow = fed(archive, StoredMotion(moving_dataset / "flow"), [None] * 2)[1][1]
    assert flow is not None
    assert flow.shape == (96, 128, 2)
    assert flow.min() == 2 * draw_scene(2).flow(2, 1).min()


def test_stored_flow_that_does_not_serve_is_refused(moving_dataset: Path, tmp_path: Path) -> None:
    flow = StoredMotion(moving_dataset / "flow")
    with pytest.raises(InputError, match="made of other frames"):
        flow.check(masks(tmp_path / "a", ["000", "002"]).clips[0])
    with pytest.raises(InputError, match="another shape"):
        flow.check(masks(tmp_path / "b", ["000", "001"], size=(48, 48)).clips[0])
    with pytest.raises(InputError, match="missing"):
        flow.check(InstanceClip("c", 48, 64, None, ("000", "001")))
    only_forward = (FlowDirection.PREV_TO_NEXT,)
    clip = Clip(id="val0", split="val", frames=[f"{i:03d}.png" for i in range(6)])
    write_flow(tmp_path / "forward", clip, draw_scene(2), directions=only_forward)
    with pytest.raises(InputError, match="no next_to_prev"):
        StoredMotion(tmp_path / "forward").check(masks(tmp_path / "d", ["000", "001"]).clips[0])


def test_computed_flow_follows_the_pictures(moving_dataset: Path, tmp_path: Path) -> None:
    archive = masks(tmp_path / "m", [f"{index:03d}" for index in range(6)])
    pictures = DatasetPictures(moving_dataset).of_clip(archive.clips[0])
    found = fed(archive, ComputedMotion("dis-medium"), pictures)
    assert [is_kept for is_kept, _ in found] == [False] * 6
    assert found[0][1] is None
    worker = make_provider("dis-medium").make_worker()
    read = PictureReader().read
    grays = [cv2.cvtColor(read(p), cv2.COLOR_RGB2GRAY) for p in pictures if p is not None]
    for index in range(1, 6):
        flow = found[index][1]
        assert flow is not None
        assert (flow == worker.flow(grays[index], grays[index - 1])).all()


def test_frames_without_a_picture_have_no_flow(moving_dataset: Path, tmp_path: Path) -> None:
    archive = masks(tmp_path / "m", [f"{index:03d}" for index in range(6)])
    pictures = list(DatasetPictures(moving_dataset).of_clip(archive.clips[0]))
    pictures[3] = None
    found = fed(archive, ComputedMotion("dis-ultrafast"), pictures, keeps=True)
    assert [flow is not None for _, flow in found] == [False, True, True, False, False, True]
    assert [is_kept for is_kept, _ in found] == [True, True, True, False, True, True]


def test_without_motion_pictures_are_read_only_when_wanted(
    moving_dataset: Path, tmp_path: Path
) -> None:
    archive = masks(tmp_path / "m", ["000", "001"])
    missing = [tmp_path / "nowhere.png"] * 2
    assert fed(archive, None, missing) == [(False, None)] * 2
    with pytest.raises(InputError, match="nowhere"):
        fed(archive, None, missing, keeps=True)


def test_unknown_method_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown flow method: raft"):
        ComputedMotion("raft")
