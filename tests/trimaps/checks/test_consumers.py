import numpy as np
import pytest

from vstc.trimaps.checks.consumers import CONSUMERS, ImageFacts, complaints, mask_complaints

GOOD = (0, 128, 255)


def facts(values, mode="L"):
    histogram = np.zeros(256, np.int64)
    histogram[list(values)] = 10
    return ImageFacts((6, 5), mode, histogram)


def unhappy(values, mode="L"):
    found = facts(values, mode)
    return {name for name, one in CONSUMERS.items() if complaints(one, found)}


def test_exact_trimap_serves_every_program():
    assert unhappy(GOOD) == set()


def test_127_is_a_known_alpha_to_indexnet():
    assert complaints(CONSUMERS["indexnet"], facts((0, 127, 255))) == [
        "value 127 is unknown but read as alpha 0.50"
    ]
    assert "pymatting" not in unhappy((0, 127, 255))


def test_254_is_unknown_to_fba_and_foreground_to_gca():
    assert "fba" in unhappy((0, 128, 254))
    assert "gca" not in unhappy((0, 128, 254))


def test_200_is_foreground_to_gca_only():
    assert complaints(CONSUMERS["gca"], facts((0, 200, 255))) == [
        "value 200 is unknown but read as foreground"
    ]


def test_102_as_of_the_lemur_is_read_by_pymatting_but_not_by_vitmatte():
    assert unhappy((0, 102, 255)) == {"indexnet", "vitmatte", "otvm"}


@pytest.mark.parametrize(
    ("values", "lacking"),
    [((0, 128), "foreground"), ((128, 255), "background"), ((0, 255), "unknown")],
)
def test_programs_that_stop_without_a_region(values, lacking):
    assert unhappy(values) == {"pymatting", "closed-form-matting", "otvm"}
    assert complaints(CONSUMERS["pymatting"], facts(values)) == [f"no {lacking}"]


def test_colour_file_crashes_indexnet():
    assert unhappy(GOOD, mode="RGB") == {"indexnet"}


def test_mask_is_black_and_white_and_not_empty():
    assert mask_complaints(facts((0, 255))) == []
    assert mask_complaints(facts((0,))) == ["the mask is empty"]
    assert mask_complaints(facts((0, 1, 255))) == ["other values than 0 and 255"]
    assert len(mask_complaints(facts((0, 1), mode="P"))) == 3
