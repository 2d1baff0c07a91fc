"""YUV4MPEG2 streams put together by hand, for tests to read and to spoil."""

from __future__ import annotations

import numpy as np

CHROMA = {"420": (2, 2), "420jpeg": (2, 2), "420mpeg2": (2, 2), "420paldv": (2, 2),
          "422": (1, 2), "444": (1, 1), "mono": None}  # fmt: skip


def planes(layout: str, size: tuple[int, int], *, seed: int = 0) -> list[np.ndarray]:
    """Noise for Y, U and V, within the limited range."""
    random = np.random.default_rng(seed)
    sizes = [size]
    cell = CHROMA[layout]
    if cell is not None:
        sizes += [(-(-size[0] // cell[0]), -(-size[1] // cell[1]))] * 2
    return [random.integers(16, 236, shape, np.uint8) for shape in sizes]


def spread(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Give every pixel of the frame the value of its cell."""
    cells = (-(-size[0] // plane.shape[0]), -(-size[1] // plane.shape[1]))
    return plane.repeat(cells[0], 0).repeat(cells[1], 1)[: size[0], : size[1]]


def stream(
    frames: list[list[np.ndarray]],
    *,
    size: tuple[int, int],
    tags: str = "F25:1 Ip A1:1 C420jpeg",
    frame_tags: str = "",
) -> bytes:
    head = f"YUV4MPEG2 W{size[1]} H{size[0]} {tags}".rstrip() + "\n"
    mark = f"FRAME{frame_tags}\n".encode()
    return head.encode() + b"".join(
        mark + b"".join(plane.tobytes() for plane in frame) for frame in frames
    )
