"""Video files: exact frames, honest counts, and atomic writing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vstc.errors import InputError, OutputError
from vstc.formats.video.files import VideoReader, VideoWriter

SIZE = (48, 64)


def gray_frame(level: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def write_levels(path: Path, levels: list[int], size: tuple[int, int] = SIZE) -> Path:
    with VideoWriter(path, fps=12.5, size=size) as writer:
        for level in levels:
            writer.write(gray_frame(level, size))
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_levels(tmp_path / "a.mp4", [10 * k for k in range(20)])


def level_of(image: np.ndarray) -> int:
    return round(float(image.mean()) / 10)


def test_metadata_and_count_agree_with_what_was_written(video: Path) -> None:
    with VideoReader(video) as reader:
        assert (reader.info.height, reader.info.width) == SIZE
        assert reader.info.fps == pytest.approx(12.5)
        assert reader.info.declared_frames == 20
        assert reader.count_frames() == 20


def test_stream_gives_every_frame_once_in_order(video: Path) -> None:
    with VideoReader(video) as reader:
        assert [level_of(image) for image in reader.stream()] == list(range(20))
        assert [level_of(image) for image in reader.stream(start=17)] == [17, 18, 19]


def test_random_access_equals_the_stream(video: Path) -> None:
    with VideoReader(video) as reader:
        in_order = [image.copy() for image in reader.stream()]
        for index in (19, 0, 7, 7, 6, 8, 19, 3):
            np.testing.assert_array_equal(reader.read(index), in_order[index])


def test_reading_between_two_steps_of_a_stream_does_not_disturb_it(video: Path) -> None:
    with VideoReader(video) as reader:
        seen = []
        for image in reader.stream():
            seen.append(level_of(image))
            reader.read(2)
        assert seen == list(range(20))


def test_colours_are_rgb(tmp_path: Path) -> None:
    red = np.zeros((*SIZE, 3), np.uint8)
    red[..., 0] = 200
    with VideoWriter(tmp_path / "red.mp4", fps=5, size=SIZE) as writer:
        writer.write(red)
    with VideoReader(tmp_path / "red.mp4") as reader:
        mean = reader.read(0).reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(mean, [200, 0, 0], atol=8)


def test_an_index_beyond_the_end_is_an_input_error(video: Path) -> None:
    with VideoReader(video) as reader:
        with pytest.raises(InputError, match="ends after 20"):
            reader.read(20)
        with pytest.raises(InputError, match="no frame -1"):
            reader.read(-1)
        assert level_of(reader.read(19)) == 19


def test_missing_file_text_file_and_truncated_file_are_input_errors(
    tmp_path: Path, video: Path
) -> None:
    with pytest.raises(InputError, match="not found"):
        VideoReader(tmp_path / "none.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(InputError, match="not a video"):
        VideoReader(text)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[:300])
    with pytest.raises(InputError):
        VideoReader(cut)


def test_video_without_frames_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    cv2.VideoWriter(str(path), codec, 10, (64, 48)).release()
    assert path.exists()
    with pytest.raises(InputError):
        VideoReader(path)


@pytest.mark.parametrize("size", [(47, 64), (48, 63), (47, 63)])
def test_odd_sizes_are_padded_not_cropped(tmp_path: Path, size: tuple[int, int]) -> None:
    write_levels(tmp_path / "odd.mp4", [120], size)
    with VideoReader(tmp_path / "odd.mp4") as reader:
        assert reader.info.height == size[0] + size[0] % 2
        assert reader.info.width == size[1] + size[1] % 2
        assert abs(float(reader.read(0)[-1, -1].mean()) - 120) < 6


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.mp4"
    with pytest.raises(ValueError, match="expected"), VideoWriter(path, fps=5, size=SIZE) as writer:
        writer.write(gray_frame(1).astype(np.float32))
    assert list(path.parent.iterdir()) == []


def test_old_video_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = write_levels(tmp_path / "a.mp4", [1, 2, 3])
    before = path.read_bytes()
    with VideoWriter(path, fps=5, size=SIZE) as writer:
        writer.write(gray_frame(1))
        assert path.read_bytes() == before
    with VideoReader(path) as reader:
        assert reader.count_frames() == 1


def test_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    levels = [5, 50, 90]
    first = write_levels(tmp_path / "a.mp4", levels).read_bytes()
    assert write_levels(tmp_path / "b.mp4", levels).read_bytes() == first


def test_other_containers_and_wrong_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write video"):
        VideoWriter(tmp_path / "a.avi", fps=5, size=SIZE)
    with pytest.raises(OutputError):
        VideoWriter(tmp_path / "a.mp4", fps=0, size=SIZE)
    with VideoWriter(tmp_path / "a.mp4", fps=5, size=SIZE) as writer:
        writer.write(gray_frame(1))
        with pytest.raises(ValueError, match="expected"):
            writer.write(gray_frame(1, (10, 10)))


def test_a_writer_that_got_no_frame_leaves_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="no frame"),
        VideoWriter(tmp_path / "a.mp4", fps=5, size=SIZE),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_real_clip_has_the_frames_that_its_readme_names(real_data: Path) -> None:
    with VideoReader(real_data / "video/udacity_clips/solidWhiteRight.mp4") as reader:
        assert (reader.info.width, reader.info.height, reader.info.fps) == (960, 540, 25.0)
        assert reader.count_frames() == 221


def test_a_damaged_frame_in_the_middle_is_an_error_not_an_early_end(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "v.mp4"
    with VideoWriter(path, fps=25, size=(48, 64)) as writer:
        for _ in range(20):
            writer.write(random.integers(0, 256, (48, 64, 3), np.uint8))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 5000] = bytes(5000)
    path.write_bytes(data)
    with VideoReader(path) as reader:
        with pytest.raises(InputError, match=r"v\.mp4 is damaged: frame \d+ cannot be") as caught:
            reader.count_frames()
        hole = int(caught.value.message.split("frame ")[1].split()[0])
        assert 0 < hole < 19
        stream = reader.stream()
        assert sum(1 for _, _ in zip(range(hole), stream, strict=False)) == hole
        with pytest.raises(InputError, match=f"frame {hole} cannot be decoded"):
            next(stream)
        assert reader.read(hole - 1).shape == (48, 64, 3)


def test_another_encoder_takes_the_place_of_one_that_opencv_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Picky:
        """A writer that knows the last encoder only."""

        def __init__(self, _path: str, codec: int, *_rest: object) -> None:
            asked.append(codec.to_bytes(4, "little").decode())

        def isOpened(self) -> bool:  # noqa: N802
            return asked[-1] == known

        def release(self) -> None: ...

    monkeypatch.setattr(cv2, "VideoWriter", Picky)
    monkeypatch.setattr(
        Picky, "fourcc", staticmethod(lambda *c: int.from_bytes("".join(c).encode(), "little")),
        raising=False,
    )  # fmt: skip
    known = "vp09"
    VideoWriter(tmp_path / "a.mp4", fps=25, size=(48, 64)).__enter__()
    assert asked == ["mp4v", "avc1", "vp09"]
    known = "none"
    with pytest.raises(OutputError, match="none of the encoders mp4v, avc1, vp09 for 64x48"):
        VideoWriter(tmp_path / "a.mp4", fps=25, size=(48, 64)).__enter__()


def test_a_full_disk_is_an_error_though_the_encoder_says_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; another process takes it on."""
    code = (
        "import resource, signal, sys\nimport numpy as np\nfrom pathlib import Path\n"
        "from vstc.formats.video.files import VideoWriter\n"
        "random = np.random.default_rng(0)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "with VideoWriter(Path(sys.argv[1]), fps=25, size=(48, 64)) as writer:\n"
        "    for _ in range(60):\n"
        "        writer.write(random.integers(0, 256, (48, 64, 3), np.uint8))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "v.mp4"], capture_output=True, text=True
    )
    assert "OutputError: video could not be written whole" in done.stderr
    assert list(tmp_path.iterdir()) == []
