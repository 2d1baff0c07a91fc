from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.metrics.video_consistency import (
    ClipWindows,
    Constancy,
    VideoConsistencyCounter,
    VideoConsistencyProtocol,
    VoidRule,
    WindowRule,
    WindowSum,
    video_consistency,
)

GOLDENS = Path(__file__).parent / "goldens"
VARIANTS = [
    VideoConsistencyProtocol(*choice) for choice in product(WindowRule, VoidRule, Constancy)
]


@pytest.fixture(scope="module")
def golden():
    arrays = np.load(GOLDENS / "vc.npz")
    record = json.loads((GOLDENS / "vc.json").read_text())
    return arrays["true"], arrays["predicted"], record["results"]


def clip_of(true, predicted, lengths=(8, 16)):
    counter = VideoConsistencyCounter(lengths)
    for pair in zip(true, predicted, strict=True):
        counter.update(*pair)
    return counter.clip


def vc(true, predicted, length, **choices):
    protocol = VideoConsistencyProtocol(**choices)
    clips = {"a": clip_of(true, predicted, (length,))}
    return video_consistency(clips, length, protocol).vc


def blocks(seed, *, frames=20, noise=0.02):
    """Label maps that change here and there, with void, and a prediction that errs."""
    rng = np.random.default_rng(seed)
    true = np.broadcast_to(rng.integers(0, 4, (6, 7), dtype=np.uint8), (frames, 6, 7)).copy()
    true[rng.random((frames, 6, 7)) < noise] = 5
    true[:, 0, :3] = 255
    errs = rng.random((frames, 6, 7)) < noise
    predicted = np.where(errs, rng.integers(0, 4, true.shape), true).astype(np.uint8)
    predicted[:, 3] = 2
    return true, predicted


def slow_window(true, predicted, protocol):
    """Value of one window from masks that look at all of its frames."""
    still = (true == true[0]).all(axis=0)
    if protocol.void is VoidRule.IGNORE:
        still &= true[0] != 255
    same = (
        (predicted == predicted[0]) if protocol.constancy is Constancy.SELF else predicted == true
    )
    return (still & same.all(axis=0)).sum() / still.sum() if still.any() else None


def slow_windows(true, predicted, length, protocol):
    released = protocol.windows is WindowRule.RELEASED
    if released and len(true) <= 16:
        return []
    count = len(true) - length + (0 if released else 1)
    windows = (slice(i, i + length) for i in range(count))
    values = [slow_window(true[w], predicted[w], protocol) for w in windows]
    return [value for value in values if value is not None]


@pytest.mark.parametrize("length", [8, 16])
@pytest.mark.parametrize(
    ("choices", "name"),
    [
        ({}, "code"),
        ({"windows": "all"}, "all_clips"),
        ({"windows": "all", "constancy": "correct"}, "correct_all_clips"),
    ],
)
def test_values_equal_the_recorded_ones(golden, length, choices, name):
    true, predicted, results = golden
    protocol = VideoConsistencyProtocol(
        windows=WindowRule(choices.get("windows", "released")),
        constancy=Constancy(choices.get("constancy", "self")),
    )
    scores = video_consistency({"a": clip_of(true, predicted)}, length, protocol)
    expected = results[f"VC{length}"]
    assert scores.vc == pytest.approx(expected[f"{name}_mean"], abs=1e-12)
    assert scores.n_windows == len(expected[f"{name}_per_clip"])


@pytest.mark.parametrize("protocol", VARIANTS, ids=str)
@given(seed=st.integers(0, 2**16), length=st.sampled_from([2, 3, 8, 16]))
@settings(max_examples=10, deadline=None)
def test_every_variant_equals_masks_over_whole_windows(protocol, seed, length):
    clips = {str(i): blocks(seed + i, frames=frames) for i, frames in enumerate((20, 17, 16))}
    counted = {name: clip_of(*pair, lengths=(length,)) for name, pair in clips.items()}
    scores = video_consistency(counted, length, protocol)
    windows = {name: slow_windows(*pair, length, protocol) for name, pair in clips.items()}
    values = [value for entry in windows.values() for value in entry]
    assert scores.vc == pytest.approx(np.mean(values), abs=1e-12)
    assert scores.n_windows == len(values)
    for name, entry in windows.items():
        expected = pytest.approx(np.mean(entry), abs=1e-12) if entry else None
        assert scores.per_clip[name] == expected
    known = [np.mean(entry) for entry in windows.values() if entry]
    assert scores.vc_seq == pytest.approx(np.mean(known), abs=1e-12)


def test_a_still_prediction_scores_one_even_when_it_is_wrong():
    true, _ = blocks(0)
    wrong = np.full_like(true, 9)
    assert vc(true, wrong, 8) == 1.0
    assert vc(true, wrong, 8, constancy=Constancy.CORRECT) == 0.0
    assert vc(true, true, 8, constancy=Constancy.CORRECT) == 1.0


def test_one_flip_breaks_every_window_that_holds_it():
    true = np.zeros((20, 1, 2), np.uint8)
    predicted = true.copy()
    predicted[10, 0, 0] = 1
    # Windows of 8 that start at 3 .. 10 hold frame 10: 8 of 13 lose one of two pixels.
    assert vc(true, predicted, 8, windows=WindowRule.ALL) == pytest.approx(1 - 8 / 13 / 2)


def test_void_is_a_label_or_is_left_out():
    true = np.full((20, 1, 4), 255, np.uint8)
    true[:, 0, 0] = 1
    flicker = np.zeros_like(true)
    flicker[::2] = 3
    flicker[:, 0, 0] = 1
    assert vc(true, flicker, 8) == 0.25
    assert vc(true, flicker, 8, void=VoidRule.IGNORE) == 1.0


def test_windows_without_a_stable_pixel_are_dropped():
    true = np.zeros((20, 1, 1), np.uint8)
    true[1::2] = 1
    clip = clip_of(true, true)
    scores = video_consistency({"a": clip}, 8)
    assert (scores.vc, scores.n_windows, scores.per_clip) == (None, 0, {"a": None})


def test_clips_of_sixteen_frames_are_left_out_by_the_released_rule_only():
    true = np.zeros((16, 2, 2), np.uint8)
    assert vc(true, true, 8) is None
    assert vc(true, true, 8, windows=WindowRule.ALL) == 1.0


def test_a_break_lets_no_window_join_its_sides():
    true, predicted = blocks(1)
    counter = VideoConsistencyCounter((8,))
    for index, pair in enumerate(zip(true, predicted, strict=True)):
        if index == 9:
            counter.break_off()
        counter.update(*pair)
    protocol = VideoConsistencyProtocol(windows=WindowRule.ALL)
    values = slow_windows(true[:9], predicted[:9], 8, protocol)
    values += slow_windows(true[9:], predicted[9:], 8, protocol)
    scores = video_consistency({"a": counter.clip}, 8, protocol)
    assert (scores.vc, scores.n_windows) == (pytest.approx(np.mean(values)), len(values))


@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_renaming_the_classes_changes_nothing(seed):
    true, predicted = blocks(seed)
    names = np.arange(256, dtype=np.uint8)
    names[:6] = np.random.default_rng(seed).permutation(6)
    assert clip_of(names[true], names[predicted]) == clip_of(true, predicted)


def test_sets_in_parts_are_equal_to_one_pass():
    clips = {str(i): clip_of(*blocks(i)) for i in range(4)}
    whole = video_consistency(clips, 8)
    parts = [video_consistency({name: clips[name]}, 8) for name in clips]
    total = sum(part.vc * part.n_windows for part in parts)
    assert whole.vc == pytest.approx(total / sum(part.n_windows for part in parts), abs=1e-12)
    assert whole.per_clip == {k: v for part in parts for k, v in part.per_clip.items()}


def test_what_was_counted_survives_json():
    clip = clip_of(*blocks(2))
    assert ClipWindows.from_json(json.loads(json.dumps(clip.as_json()))) == clip


def test_state_does_not_grow_with_the_clip():
    true, predicted = blocks(3, frames=300)
    counter = VideoConsistencyCounter()
    sizes = set()
    for pair in zip(true, predicted, strict=True):
        counter.update(*pair)
        sizes.add((len(counter.clip.sums), counter._runs.nbytes))
    assert len(sizes) == 1


def test_runs_longer_than_the_longest_window_do_not_overflow():
    true = np.zeros((300, 1, 1), np.uint8)
    clip = clip_of(true, true, (255,))
    assert clip.sums[255, VoidRule.LABEL, Constancy.SELF] == WindowSum(45.0, 45, 1.0)


def test_lengths_and_shapes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="window lengths"):
        VideoConsistencyCounter((1,))
    counter = VideoConsistencyCounter()
    with pytest.raises(ValueError, match="differ in shape"):
        counter.update(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
    counter.update(*np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="differ in size"):
        counter.update(*np.zeros((2, 3, 2), np.uint8))
