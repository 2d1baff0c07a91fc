"""A real image: the mask of a lemur, its exported trimap, and the matte that comes of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vstc.formats.alpha import read_alpha

pytestmark = pytest.mark.slow  # pymatting compiles itself for minutes when it is first imported


def test_matting_with_the_exported_trimap_beats_the_hard_mask(run, real_data, tmp_path):
    pytest.importorskip("pymatting")
    lemur = real_data / "instances" / "matting" / "pymatting_lemur"
    true = read_alpha(lemur / "lemur_alpha.png")
    mask = true > 0.5
    for folder, image in (
        ("masks", mask * np.uint8(255)),
        ("alpha", cv2.imread(str(lemur / "lemur_alpha.png"), cv2.IMREAD_UNCHANGED)),
        ("frames", cv2.imread(str(lemur / "lemur.png"))),
    ):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "lemur.png"), image)
    assert np.abs(mask - true).mean() == pytest.approx(0.0107, abs=5e-5)
    trimaps = tmp_path / "trimaps"
    run("trimap", "export", tmp_path / "masks", "--format", "masks", "-o", trimaps)
    words = ("--alpha", tmp_path / "alpha", "--frames", tmp_path / "frames")
    found = run("trimap", "evaluate", trimaps, *words, "-o", tmp_path / "m", "--json").json
    assert found["totals"]["mad"] < 0.004
    assert found["protocol"]["matting"] == {
        "method": "closed-form",
        "region": "image",
        "sums": "in thousands",
        "dtssd": "root of the mean over the region",
    }
