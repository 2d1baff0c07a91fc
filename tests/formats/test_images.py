"""Images and labels: every flavour is read right, and a broken file is never read quietly."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vstc.errors import InputError
from vstc.formats.dataset import LabelClass
from vstc.formats.images import (
    color_labels,
    encode_gray,
    encode_labels,
    encode_rgb,
    image_size,
    overlay_labels,
    read_color_labels,
    read_labels,
    read_mask,
    read_rgb,
)

CLASSES = [
    LabelClass(id=0, name="road", color=(128, 64, 128)),
    LabelClass(id=1, name="sky", color=(70, 130, 180)),
    LabelClass(id=200, name="void", color=(0, 0, 0), ignore=True),
]
PALETTE = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)
IDS = np.array([[0, 1, 200], [255, 11, 3]], np.uint8)


def photo(height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth image whose three channels differ."""
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * x % 256, 5 * y % 256, 3 * (x + y) % 256], axis=2).astype(np.uint8)


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def png_by_hand(rows: np.ndarray, *, depth: int) -> bytes:
    """A grey PNG of few bits, which Pillow cannot write."""
    height, width = rows.shape
    lines = b""
    for row in rows:
        bits = "".join(f"{value:0{depth}b}" for value in row)
        bits += "0" * (-len(bits) % 8)
        lines += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


# Reading frames


def test_png_comes_back_exactly_and_in_rgb_order(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_rgb(photo()))
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), photo())
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), photo())


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16"])
def test_other_kinds_of_png_become_rgb(tmp_path: Path, mode: str) -> None:
    source = Image.fromarray(photo())
    if mode == "I;16":
        (tmp_path / "a.png").write_bytes(encode_gray(np.full((48, 64), 40_000, np.uint16)))
    else:
        save(source.convert(mode), tmp_path / "a.png")
    image = read_rgb(tmp_path / "a.png")
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8


def test_jpeg_is_close_to_its_source(tmp_path: Path) -> None:
    smooth = cv2.GaussianBlur(photo(), (9, 9), 3)
    save(Image.fromarray(smooth), tmp_path / "a.jpg", quality=95, subsampling=0)
    difference = read_rgb(tmp_path / "a.jpg").astype(int) - smooth
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_in_the_header_is_that_of_the_decoded_image(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(photo()), tmp_path / "a.jpg", exif=exif)
    assert image_size(path) == read_rgb(path).shape[:2]


def jpeg(*, is_progressive: bool) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", progressive=is_progressive)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [encode_rgb(photo()), jpeg(is_progressive=False), jpeg(is_progressive=True)],
    ids=["png", "jpeg", "progressive"],
)
def test_file_cut_anywhere_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    for share in range(0, 100, 3):
        path.write_bytes(data[: len(data) * share // 100])
        with pytest.raises(InputError, match=r"image is (truncated|not readable): .*/a$"):
            read_rgb(path)
    path.write_bytes(data[:-2])
    with pytest.raises(InputError, match="image is"):
        read_rgb(path)


@pytest.mark.parametrize(
    "data",
    [encode_rgb(photo()), jpeg(is_progressive=False), jpeg(is_progressive=True)],
    ids=["png", "jpeg", "progressive"],
)
def test_data_behind_the_end_of_an_image_is_no_truncation(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(data + b"camera data " * 100)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a"), read_rgb(tmp_path / "b"))


def test_damaged_png_is_refused(tmp_path: Path) -> None:
    data = bytearray(encode_rgb(photo()))
    data[len(data) // 2] ^= 0x55
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match="image is not readable"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize("reader", [read_rgb, read_labels, image_size])
@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_what_is_no_image_is_refused(tmp_path: Path, reader: object, content: bytes | None) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png"):
        reader(path)  # type: ignore[operator]


def test_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_rgb(tmp_path)


# Labels


@given(ids=hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_palette_labels_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, ids: np.ndarray
) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.png"
    path.write_bytes(encode_labels(ids, PALETTE))
    np.testing.assert_array_equal(read_labels(path), ids)
    with Image.open(path) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), PALETTE[ids])


def test_grey_labels_are_their_values_also_id_200(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_gray(IDS))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), IDS)


@pytest.mark.parametrize("depth", [2, 4])
def test_grey_labels_of_few_bits_are_not_spread(tmp_path: Path, depth: int) -> None:
    ids = np.arange(12).reshape(3, 4).astype(np.uint8) % 2**depth
    (tmp_path / "a.png").write_bytes(png_by_hand(ids, depth=depth))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), ids)


def test_palette_labels_of_few_bits_keep_their_ids(tmp_path: Path) -> None:
    image = Image.fromarray(IDS % 4).convert("P")
    image.putpalette(PALETTE[:4].tobytes())
    save(image, tmp_path / "a.png", bits=2)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), IDS % 4)


def test_16_bit_labels_are_read_while_their_ids_fit(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_gray(IDS.astype(np.uint16)))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), IDS)
    (tmp_path / "b.png").write_bytes(encode_gray(np.full((2, 2), 26_001, np.uint16)))
    with pytest.raises(InputError, match="holds ids up to 26001; at most 255"):
        read_labels(tmp_path / "b.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_labels_are_looked_up_in_the_table(tmp_path: Path, mode: str) -> None:
    ids = np.array([[0, 1, 200], [200, 1, 0]], np.uint8)
    table = np.zeros((256, 3), np.uint8)
    for entry in CLASSES:
        table[entry.id] = entry.color
    save(Image.fromarray(table[ids]).convert(mode), tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", CLASSES), ids)


def test_unknown_colour_is_named_with_its_place(tmp_path: Path) -> None:
    colors = np.zeros((3, 4, 3), np.uint8)
    colors[2, 1] = (1, 2, 3)
    save(Image.fromarray(colors), tmp_path / "a.png")
    with pytest.raises(InputError, match=r"colour that no class has: \(1, 2, 3\) at \(1, 2\)"):
        read_labels(tmp_path / "a.png", CLASSES)


def test_colour_labels_without_a_table_are_refused(tmp_path: Path) -> None:
    save(Image.fromarray(photo()), tmp_path / "a.png")
    with pytest.raises(InputError, match="is a colour label"):
        read_labels(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["1", "LA"])
def test_label_of_a_kind_that_holds_no_ids_is_refused(tmp_path: Path, mode: str) -> None:
    save(Image.fromarray(photo()).convert(mode), tmp_path / "a.png")
    with pytest.raises(InputError, match=f"has mode {mode}"):
        read_labels(tmp_path / "a.png")


def test_colours_of_palette_files_can_count_instead_of_their_indices(tmp_path: Path) -> None:
    ids = np.array([[0, 1, 200], [200, 1, 0]], np.uint8)
    image = Image.fromarray((ids % 7).astype(np.uint8)).convert("P")
    swapped = np.zeros((256, 3), np.uint8)
    for entry in CLASSES:
        swapped[entry.id % 7] = entry.color
    image.putpalette(swapped.tobytes())
    save(image, tmp_path / "a.png")
    np.testing.assert_array_equal(read_color_labels(tmp_path / "a.png", CLASSES), ids)
    save(Image.fromarray(ids), tmp_path / "b.png")
    with pytest.raises(InputError, match="has no colours but mode L"):
        read_color_labels(tmp_path / "b.png", CLASSES)


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB"])
def test_masks_are_read_from_any_kind_of_image(tmp_path: Path, mode: str) -> None:
    expected = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
    if mode == "I;16":
        (tmp_path / "a.png").write_bytes(encode_gray(expected.astype(np.uint16) * 40_000))
    elif mode == "P":
        (tmp_path / "a.png").write_bytes(encode_labels(expected * 3, PALETTE))
    else:
        save(Image.fromarray(expected * 255).convert(mode), tmp_path / "a.png")
    mask = read_mask(tmp_path / "a.png")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)


def test_a_mask_with_alpha_is_refused(tmp_path: Path) -> None:
    save(Image.fromarray(photo()).convert("RGBA"), tmp_path / "a.png")
    with pytest.raises(InputError, match="alpha channel"):
        read_mask(tmp_path / "a.png")


def test_label_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = encode_labels(
        np.random.default_rng(0).integers(0, 12, (60, 80)).astype(np.uint8), PALETTE
    )
    for share in range(0, 100, 3):
        (tmp_path / "a.png").write_bytes(data[: len(data) * share // 100])
        with pytest.raises(InputError, match="label is not readable"):
            read_labels(tmp_path / "a.png")


# Drawing


def test_overlay_blends_colours_and_leaves_black_ids_alone() -> None:
    image = np.full((1, 2, 3), 100, np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    palette[1] = (200, 0, 50)
    shown = overlay_labels(image, np.array([[0, 1]], np.uint8), palette, opacity=0.5)
    assert shown[0, 0].tolist() == [100, 100, 100]
    assert shown[0, 1].tolist() == [150, 50, 75]


@pytest.mark.parametrize("opacity", [0.0, 0.3, 0.5, 1.0])
def test_overlay_is_that_of_the_plain_formula(opacity: float) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (37, 41, 3), np.uint8)
    labels = random.integers(0, 6, (37, 41), np.uint8)
    palette = random.integers(0, 256, (256, 3), np.uint8)
    palette[[0, 4]] = 0
    colors = palette[labels]
    np.testing.assert_array_equal(color_labels(labels, palette), colors)
    blended = (1 - opacity) * image + opacity * colors
    expected = np.where(colors.any(axis=2, keepdims=True), blended, image)
    shown = overlay_labels(image, labels, palette, opacity=opacity)
    assert np.abs(shown - expected).max() <= 0.5 + 1e-6


def test_grey_of_16_bits_comes_back_exactly(tmp_path: Path) -> None:
    values = np.array([[0, 1, 65535]], np.uint16)
    (tmp_path / "a.png").write_bytes(encode_gray(values))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), values)


def test_real_camvid_frames_and_labels_have_one_size(real_data: Path) -> None:
    labels = sorted((real_data / "camvid" / "labels").glob("*.png"))[:5]
    assert labels
    for path in labels:
        ids = read_labels(path)
        frame = read_rgb(real_data / "camvid" / "images" / f"{path.stem}.jpg")
        assert ids.shape == frame.shape[:2]
        assert ids.max() <= 11
