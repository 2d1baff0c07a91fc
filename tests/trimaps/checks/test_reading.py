import numpy as np
import pytest
from PIL import Image

from vstc.errors import InputError
from vstc.trimaps.checks.foreign import faults_of, repair
from vstc.trimaps.checks.reading import read_as_it_is

EXACT = np.zeros((8, 9), np.uint8)
EXACT[2:6, 2:7] = 128
EXACT[3:5, 3:6] = 255


def palette_of(image):
    """The same colours through shuffled indices, as some programs write."""
    indices = np.select([image == 0, image == 128], [2, 0], 1).astype(np.uint8)
    out = Image.fromarray(indices, mode="P")
    out.putpalette([128, 128, 128, 255, 255, 255, 0, 0, 0])
    return out


def rgba(image, alpha=255):
    grey = np.repeat(image[:, :, None], 4, axis=2)
    grey[..., 3] = alpha
    return Image.fromarray(grey, mode="RGBA")


FLAVOURS = {
    "L": Image.fromarray(EXACT),
    "RGB": Image.fromarray(np.repeat(EXACT[:, :, None], 3, axis=2)),
    "RGBA": rgba(EXACT),
    "LA": rgba(EXACT).convert("LA"),
    "P": palette_of(EXACT),
    "I;16": Image.fromarray(EXACT.astype(np.uint16) * 257),
    "I;16 small": Image.fromarray(EXACT.astype(np.uint16)),
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_flavour_is_read_and_repaired_to_the_same_trimap(flavour, tmp_path):
    FLAVOURS[flavour].save(tmp_path / "t.png")
    image = read_as_it_is(tmp_path / "t.png")
    assert np.array_equal(repair(image), EXACT)
    repairable, lasting = faults_of(image)
    assert lasting == []
    assert bool(repairable) == (flavour != "L")


def test_values_between_are_snapped_and_told(tmp_path):
    values = EXACT.copy()
    values[2, 2:5] = (25, 26, 102)
    values[3, 3:6] = (229, 230, 254)
    Image.fromarray(values).save(tmp_path / "t.png")
    image = read_as_it_is(tmp_path / "t.png")
    repaired = repair(image)
    assert repaired[2, 2:5].tolist() == [0, 128, 128]
    assert repaired[3, 3:6].tolist() == [128, 255, 255]
    (fault,), _ = faults_of(image)
    assert fault == "6 value(s) besides 0, 128, 255: 25, 26, 102, 229, 230, ... (8.33 %)"


def test_alpha_channel_that_is_not_opaque_is_told_and_passed_over(tmp_path):
    rgba(EXACT, alpha=40).save(tmp_path / "t.png")
    image = read_as_it_is(tmp_path / "t.png")
    assert "the alpha channel is not opaque" in faults_of(image)[0]
    assert np.array_equal(repair(image), EXACT)


def test_jpeg_is_told_to_be_lossy(tmp_path):
    Image.fromarray(EXACT).resize((90, 80), Image.Resampling.NEAREST).save(tmp_path / "t.jpg")
    image = read_as_it_is(tmp_path / "t.jpg")
    assert any("lossy" in fault for fault in faults_of(image)[0])
    assert set(np.unique(repair(image))) == {0, 128, 255}


def test_black_and_white_has_no_unknown(tmp_path):
    Image.fromarray(EXACT == 255).save(tmp_path / "t.png")
    assert faults_of(read_as_it_is(tmp_path / "t.png"))[1] == ["no unknown"]


def test_ids_of_classes_are_no_trimap(tmp_path):
    Image.fromarray(EXACT // 127).save(tmp_path / "t.png")
    _, lasting = faults_of(read_as_it_is(tmp_path / "t.png"))
    assert lasting == ["no value above 2: ids of classes, not a trimap"]


def test_all_background_is_an_absent_object_and_no_fault(tmp_path):
    Image.fromarray(EXACT * 0).save(tmp_path / "t.png")
    assert faults_of(read_as_it_is(tmp_path / "t.png")) == ([], [])


def test_coloured_image_is_refused(tmp_path):
    colors = np.repeat(EXACT[:, :, None], 3, axis=2)
    colors[3, 3] = (255, 0, 0)
    Image.fromarray(colors).save(tmp_path / "t.png")
    with pytest.raises(InputError, match="coloured: channels differ by up to 255"):
        read_as_it_is(tmp_path / "t.png")


def test_broken_file_is_refused(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8)).save(
        tmp_path / "t.png"
    )
    whole = (tmp_path / "t.png").read_bytes()
    (tmp_path / "t.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not readable"):
        read_as_it_is(tmp_path / "t.png")
