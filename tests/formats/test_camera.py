"""A camera that is made up: colours, what is known of it, and how it fails."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from vstc.errors import InputError, SetupError
from vstc.formats.video.camera import CameraReader


class FakeCapture:
    """Stands for ``cv2.VideoCapture``; frame N has the level N in its blue channel."""

    def __init__(self, index: int, *, frames: int = 3, fps: float = 30.0) -> None:
        self.index, self.left, self.fps = index, frames, fps
        self.given = 0
        self.is_released = False

    def isOpened(self) -> bool:  # noqa: N802
        return self.left >= 0

    def read(self) -> tuple[bool, Any]:
        if self.given >= self.left:
            return False, None
        image = np.zeros((4, 6, 3), np.uint8)
        image[..., 0] = self.given
        self.given += 1
        return True, image

    def get(self, what: int) -> float:
        assert what == cv2.CAP_PROP_FPS
        return self.fps

    def release(self) -> None:
        self.is_released = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make ``cv2.VideoCapture`` give fakes of a kind, and list them."""

    def install(**kind: Any) -> list[FakeCapture]:
        made: list[FakeCapture] = []

        def open_capture(index: int) -> FakeCapture:
            made.append(FakeCapture(index, **kind))
            return made[-1]

        monkeypatch.setattr(cv2, "VideoCapture", open_capture)
        return made

    return install


def test_frames_are_rgb_and_none_is_lost(fake: Any) -> None:
    fakes = fake(frames=3)
    camera = CameraReader(2)
    assert fakes[0].index == 2
    assert (camera.size, camera.fps) == ((4, 6), 30.0)
    levels = [camera.read()[0, 0].tolist() for _ in range(3)]
    assert levels == [[0, 0, 0], [0, 0, 1], [0, 0, 2]]
    camera.close()
    assert fakes[0].is_released


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_an_unknown_frame_rate_is_none(fake: Any, fps: float) -> None:
    fake(fps=fps)
    assert CameraReader(0).fps is None


def test_a_camera_that_stops_is_an_error_with_what_it_gave(fake: Any) -> None:
    fake(frames=2)
    camera = CameraReader(0)
    camera.read()
    camera.read()
    with pytest.raises(InputError, match="camera 0 stopped after 2 frames"):
        camera.read()


@pytest.mark.parametrize("frames", [-1, 0])
def test_a_camera_that_is_not_there_or_gives_nothing_is_refused(fake: Any, frames: int) -> None:
    fakes = fake(frames=frames)
    with pytest.raises(SetupError, match="camera 7 cannot be opened") as caught:
        CameraReader(7)
    assert caught.value.hint is not None
    assert fakes[0].is_released


def test_a_camera_that_is_not_there_is_refused_without_a_word_of_opencv(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SetupError, match="camera 99 cannot be opened"):
        CameraReader(99)
    assert capfd.readouterr().err == ""
