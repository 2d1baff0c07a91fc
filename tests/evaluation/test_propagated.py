from __future__ import annotations

import pytest

from vstc.errors import InputError
from vstc.evaluation.propagated import inflation_note, propagation_flow_methods


def manifest(config, kind="vstc.predictions"):
    return {"kind": kind, "schema_version": 1, "config": config}


@pytest.mark.parametrize(
    ("propagation", "expected"),
    [
        ({"flow_method": "dis-fast", "keyframe_every": 5}, ("dis-fast",)),
        ({"flow_method": ["farneback", "dis-fast", "dis-fast"]}, ("dis-fast", "farneback")),
        ({"keyframe_every": 5}, ("unknown",)),
        ({"flow_method": []}, ("unknown",)),
        ({"warp": True, "flow_method": "dis-fast"}, ("dis-fast",)),
        ({"warp": False, "flow_method": None}, ()),
        (None, ()),
    ],
)
def test_the_methods_of_propagation_are_found(propagation, expected):
    assert propagation_flow_methods(manifest({"propagation": propagation})) == expected


def test_predictions_frame_by_frame_have_none():
    assert propagation_flow_methods(manifest({"weights": "a"})) == ()
    assert propagation_flow_methods({}) == ()
    other = manifest({"propagation": {"flow_method": "dis-fast"}}, kind="vstc.metrics")
    assert propagation_flow_methods(other) == ()


@pytest.mark.parametrize(
    "propagation", ["dis-fast", True, {"flow_method": 3}, [], {"flow_method": [1]}]
)
def test_an_entry_of_another_form_is_an_error(propagation):
    with pytest.raises(InputError, match=r"config\.propagation"):
        propagation_flow_methods(manifest({"propagation": propagation}))


def test_the_note_says_when_the_same_flow_judges():
    assert inflation_note((), "dis-fast") is None
    assert "with the same flow" in inflation_note(("dis-fast",), "dis-fast")
    for method in ("dis-medium", None):
        note = inflation_note(("dis-fast",), method)
        assert "inflated" in note
        assert "same flow" not in note
