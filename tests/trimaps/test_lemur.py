"""A real picture: the trimap of a hard mask leads closed-form matting close to the true alpha."""

import numpy as np
import pytest
from PIL import Image

from tests.trimaps.archives import read_png, write_gray


def exported_trimap(alpha, tmp_path, run):
    hard = np.where(alpha > 127, np.uint8(255), np.uint8(0))
    write_gray(tmp_path / "masks" / "lemur" / "0.png", hard)
    run(
        "trimap",
        "export",
        tmp_path / "masks",
        "--format",
        "masks",
        "-o",
        tmp_path / "t",
        "--verify",
        "-q",
    )
    return read_png(tmp_path / "t" / "lemur" / "1" / "0.png")


@pytest.fixture
def lemur(real_data):
    return real_data / "instances" / "matting" / "pymatting_lemur"


def test_default_band_holds_most_of_what_is_fractional(lemur, tmp_path, run):
    alpha = np.asarray(Image.open(lemur / "lemur_alpha.png").convert("L"))
    trimap = exported_trimap(alpha, tmp_path, run)
    fractional = (alpha > 12) & (alpha < 243)
    assert np.mean(trimap[fractional] == 128) > 0.8
    error = np.abs(np.where(trimap == 128, alpha, trimap).astype(float) - alpha).mean() / 255
    assert error < 0.003  # what no matting could repair, because the trimap is sure and wrong


@pytest.mark.slow
def test_closed_form_matting_from_the_hard_mask_is_close_to_the_true_alpha(lemur, tmp_path, run):
    pymatting = pytest.importorskip("pymatting")
    alpha = np.asarray(Image.open(lemur / "lemur_alpha.png").convert("L"))
    image = np.asarray(Image.open(lemur / "lemur.png").convert("RGB")) / 255
    trimap = exported_trimap(alpha, tmp_path, run)
    matte = pymatting.estimate_alpha_cf(image, trimap / 255)
    assert np.abs((alpha > 127) - alpha / 255).mean() == pytest.approx(0.0107, abs=1e-4)
    assert np.abs(matte - alpha / 255).mean() < 0.006
