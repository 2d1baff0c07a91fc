from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vstc.errors import InputError
from vstc.formats.alpha import encode_alpha, read_alpha

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def save(path, values, mode=None):
    Image.fromarray(values, mode).save(path)
    return path


def test_a_matte_written_is_read_back(tmp_path):
    (tmp_path / "a.png").write_bytes(encode_alpha(RAMP / np.float32(255)))
    assert np.array_equal(read_alpha(tmp_path / "a.png"), RAMP / np.float32(255))
    assert read_alpha(tmp_path / "a.png").dtype == np.float32


def test_sixteen_bits_keep_their_precision(tmp_path):
    path = save(tmp_path / "a.png", RAMP.astype(np.uint16) * 257 + 1 - (RAMP == 255))
    expected = (RAMP.astype(np.float64) * 257 + 1 - (RAMP == 255)) / 65535
    assert np.allclose(read_alpha(path), expected, atol=1e-7)


def test_grey_in_colour_channels_is_grey(tmp_path):
    grey = np.dstack([RAMP] * 3)
    opaque = np.dstack([grey, np.full_like(RAMP, 255)])
    for values in (grey, opaque):
        assert np.array_equal(read_alpha(save(tmp_path / "a.png", values)), RAMP / np.float32(255))


def test_a_cut_out_gives_its_alpha_channel(tmp_path):
    color = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    path = save(tmp_path / "a.png", np.dstack([color, RAMP]))
    assert np.array_equal(read_alpha(path), RAMP / np.float32(255))


def test_palettes_are_looked_up(tmp_path):
    image = Image.fromarray((RAMP > 99).astype(np.uint8), mode="P")
    image.putpalette([10, 10, 10, 255, 255, 255] + [0] * 762)
    image.save(tmp_path / "a.png")
    expected = np.where(RAMP > 99, 1, np.float32(10) / np.float32(255))
    assert np.array_equal(read_alpha(tmp_path / "a.png"), expected)


def test_one_bit_and_floats_are_taken_as_they_are(tmp_path):
    Image.fromarray(RAMP > 99).save(tmp_path / "a.png")
    assert np.array_equal(read_alpha(tmp_path / "a.png"), RAMP > 99)
    floats = np.linspace(-0.5, 1.5, 64, dtype=np.float32).reshape(8, 8)
    save(tmp_path / "a.tif", floats)
    assert np.array_equal(read_alpha(tmp_path / "a.tif"), np.clip(floats, 0, 1))


def test_colour_without_transparency_is_refused(tmp_path):
    color = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="coloured"):
        read_alpha(save(tmp_path / "a.png", color))
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="not readable"):
        read_alpha(tmp_path / "b.png")
