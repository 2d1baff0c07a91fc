"""Videos that PyAV encodes, for tests that run where it is installed; and a stand-in for it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

VECTOR = np.dtype(
    [
        ("source", "<i4"), ("w", "u1"), ("h", "u1"), ("src_x", "<i2"), ("src_y", "<i2"),
        ("dst_x", "<i2"), ("dst_y", "<i2"), ("flags", "<u8"), ("motion_x", "<i4"),
        ("motion_y", "<i4"), ("motion_scale", "<u2"),
    ],
    align=True,
)  # fmt: skip
INTRA, PREDICTED, BOTH_WAYS = 1, 2, 3


def vectors(*rows, source=-1, scale=4):
    """Make vectors of rows w, h, dst_x, dst_y, motion_x, motion_y."""
    made = np.zeros(len(rows), VECTOR)
    made["source"], made["motion_scale"] = source, scale
    for place, name in enumerate(["w", "h", "dst_x", "dst_y", "motion_x", "motion_y"]):
        made[name] = [row[place] for row in rows]
    return made


def moving_texture(count, *, size=(96, 128), step=(2, 3)):
    """Return RGB frames of a texture that moves down and right by ``step`` = (y, x) each."""
    noise = np.random.default_rng(3).uniform(0, 255, (size[0] + 80, size[1] + 80))
    for axis in (0, 1):  # smooth, so that encoders find the way
        noise = sum(np.roll(noise, shift, axis) for shift in range(-2, 3)) / 5
    noise = (noise - noise.min()) / np.ptp(noise) * 255
    frames = []
    for index in range(count):
        top, left = 40 - index * step[0], 40 - index * step[1]
        part = noise[top : top + size[0], left : left + size[1]].astype(np.uint8)
        frames.append(np.repeat(part[:, :, None], 3, axis=2))
    return frames


def encode(path, frames, *, codec="libx264", pix_fmt="yuv420p", **options):
    """Encode RGB frames with PyAV."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.options = {key: str(value) for key, value in options.items()}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


class FakeAv(SimpleNamespace):
    """Stands in for PyAV: gives frames that were made up, and counts how often it was opened."""

    class FFmpegError(Exception):
        pass

    def __init__(self, frames, *, codec="mpeg4", extradata=b"", packet=b"frame"):
        super().__init__(frames=frames, codec=codec, extradata=extradata, packet=packet, opened=0)
        self.video = SimpleNamespace(reformatter=SimpleNamespace(VideoReformatter=FakeReformatter))

    def open(self, path):
        self.opened += 1
        context = SimpleNamespace(name=self.codec, extradata=self.extradata, options={})
        return FakeContainer(SimpleNamespace(codec_context=context), self)


class FakeContainer:
    def __init__(self, stream, module):
        self.streams = SimpleNamespace(video=[stream])
        self._module = module

    def __enter__(self):
        return self

    def __exit__(self, *caught):
        return None

    def demux(self, stream):
        assert stream.codec_context.options == {"flags2": "+export_mvs"}
        for frame in self._module.frames:
            yield FakePacket(self._module.packet, [frame])
        yield FakePacket(b"", [])


class FakePacket(bytes):
    def __new__(cls, data, frames):
        packet = super().__new__(cls, data)
        packet.size, packet.frames = len(data), frames
        return packet

    def decode(self):
        for frame in self.frames:
            if isinstance(frame, Exception):
                raise frame
        return self.frames


class FakeReformatter:
    def reformat(self, frame, *, format, interpolation):
        assert (format, interpolation) == ("bgr24", "BICUBIC")
        return SimpleNamespace(to_ndarray=lambda: np.ascontiguousarray(frame.rgb[:, :, ::-1]))


def fake_frame(found=None, *, kind=None, size=(16, 32), interlaced=False, rotation=0, rgb=None):
    """Make up a decoded frame; with vectors it is predicted, without it is intra."""
    side_data = (
        {} if found is None else {"MOTION_VECTORS": SimpleNamespace(to_ndarray=lambda: found)}
    )
    return SimpleNamespace(
        height=size[0],
        width=size[1],
        pict_type=kind or (INTRA if found is None else PREDICTED),
        interlaced_frame=interlaced,
        rotation=rotation,
        side_data=side_data,
        rgb=np.zeros((*size, 3), np.uint8) if rgb is None else rgb,
    )
