from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.evaluation.scenes import HEIGHT, WIDTH
from tests.moving import write_moving_dataset
from vstc.errors import InputError
from vstc.evaluation.flow_sources.computed import ComputedFlow
from vstc.evaluation.flow_sources.fit import fit_visible
from vstc.evaluation.flow_sources.flo_folder import FloFolderFlow
from vstc.evaluation.flow_sources.source import FlowNeeds
from vstc.evaluation.flow_sources.stored import StoredFlow
from vstc.flow.providers import make_provider
from vstc.formats.flow.hdf5 import FlowDirection, FlowInfo, FlowWriter
from vstc.formats.flow.middlebury import write_flo
from vstc.formats.frames import FrameReader

BOTH = FlowNeeds(next_to_prev=True)
BACKWARD = FlowNeeds(prev_to_next=False, next_to_prev=True)
VISIBLE = FlowNeeds(visibility=True)


def field(index, direction, size=(HEIGHT, WIDTH)):
    """A field that tells its pair and its direction."""
    sign = 1 if direction is FlowDirection.PREV_TO_NEXT else -1
    return np.full((*size, 2), sign * (index + 0.25), np.float32)


def write_stored(folder, clip, *, directions=tuple(FlowDirection), visible=False, frames=None):
    info = FlowInfo(
        frames=tuple(frames or clip.frame_names),
        size=(HEIGHT // 2, WIDTH // 2),
        source_size=(HEIGHT, WIDTH),
        method="made",
        params={"a": 1},
        directions=directions,
        has_visibility=visible,
    )
    with FlowWriter(folder / f"{clip.id}.h5", info) as writer:
        for direction in directions:
            for index in range(info.num_pairs()):
                mask = np.full(info.size, direction is FlowDirection.PREV_TO_NEXT)
                mask[0, 0] ^= True
                flow = field(index, direction, info.size)
                writer.write(index, flow, direction=direction, visible=mask if visible else None)
    return folder


def write_flo_files(folder, clips, *, is_flat=False, size=(HEIGHT, WIDTH)):
    for clip in clips:
        for index, name in enumerate(clip.frame_names[:-1]):
            path = folder / f"{name}.flo" if is_flat else folder / clip.id / f"{name}.flo"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_flo(path, field(index, FlowDirection.PREV_TO_NEXT, size))
    return folder


def test_computed_flow_serves_both_directions(scene):
    clip = scene.clip("pan")
    source = ComputedFlow(scene, make_provider("dis-fast"))
    source.check([clip], BOTH)
    first, second = (
        cv2.cvtColor(FrameReader(scene).read(clip, i), cv2.COLOR_RGB2GRAY) for i in (1, 2)
    )
    worker = make_provider("dis-fast").make_worker()
    with source.open(clip) as flow:
        np.testing.assert_array_equal(flow.prev_to_next(1), worker.flow(first, second))
        np.testing.assert_array_equal(flow.next_to_prev(1), worker.flow(second, first))
        # The view pans to the right, so what it shows moves to the left.
        assert np.median(flow.prev_to_next(1)[..., 0]) == pytest.approx(-2, abs=0.1)
        assert np.median(flow.next_to_prev(1)[..., 0]) == pytest.approx(2, abs=0.1)


def test_computed_flow_has_no_visibility(scene):
    clip = scene.clip("pan")
    source = ComputedFlow(scene, make_provider("dis-fast"))
    with pytest.raises(InputError, match="dis-fast.*no visibility") as caught:
        source.check([clip], VISIBLE)
    assert "fb" in caught.value.hint
    with source.open(clip) as flow, pytest.raises(InputError, match="no visibility"):
        flow.visible_next(0)


def test_computed_flow_says_how_it_is_made(scene):
    source = ComputedFlow(scene, make_provider("dis-fast"))
    said = source.describe()
    assert (said["source"], said["method"], said["scale"]) == ("computed", "dis-fast", 1.0)
    assert said["params"]["iterations"] == 16
    assert source.reference() is None


def test_stored_flow_serves_both_directions_and_their_visibility(scene, tmp_path):
    clip = scene.clip("pan")
    source = StoredFlow(write_stored(tmp_path, clip, visible=True))
    source.check([clip], BOTH | VISIBLE)
    with source.open(clip) as flow:
        for index in range(4):
            assert flow.prev_to_next(index)[3, 4].tolist() == [index + 0.25] * 2
            assert flow.next_to_prev(index)[3, 4].tolist() == [-index - 0.25] * 2
            assert not flow.visible_prev(index)[0, 0]
            assert flow.visible_prev(index)[1:].all()
            assert flow.visible_next(index)[0, 0]
            assert not flow.visible_next(index)[1:].any()


@pytest.mark.parametrize(
    ("held", "other"), [(d, o) for d in FlowDirection for o in FlowDirection if d != o]
)
def test_stored_flow_serves_the_direction_it_has_and_names_the_one_it_lacks(
    scene, tmp_path, held, other
):
    clip = scene.clip("pan")
    source = StoredFlow(write_stored(tmp_path, clip, directions=(held,)))
    needs = {d: BACKWARD if d is FlowDirection.NEXT_TO_PREV else FlowNeeds() for d in (held, other)}
    source.check([clip], needs[held])
    for lacking in (needs[other], BOTH):
        with pytest.raises(InputError, match=f"no {other} between neighbours") as caught:
            source.check([clip], lacking)
        assert "flow precompute for both directions" in caught.value.hint
    with source.open(clip) as flow:
        assert getattr(flow, held)(2)[0, 0, 0] == field(2, held)[0, 0, 0]
        with pytest.raises(InputError, match=f"no {other}"):
            getattr(flow, other)(2)


def test_stored_flow_without_visibility_says_so_beforehand(scene, tmp_path):
    clip = scene.clip("pan")
    source = StoredFlow(write_stored(tmp_path, clip))
    with pytest.raises(InputError, match=r"pan\.h5 has no visibility"):
        source.check([clip], VISIBLE)
    with source.open(clip) as flow, pytest.raises(InputError, match="no visibility"):
        flow.visible_prev(0)


def test_stored_flow_of_other_frames_is_refused(scene, tmp_path):
    clip = scene.clip("pan")
    source = StoredFlow(write_stored(tmp_path, clip, frames=["a", "b", "c"]))
    for use in (lambda: source.check([clip]), lambda: source.open(clip).__enter__()):
        with pytest.raises(InputError, match="made of other frames"):
            use()


def test_stored_flow_names_its_method_resolution_and_id(scene, tmp_path):
    source = StoredFlow(write_stored(tmp_path, scene.clip("pan")))
    assert source.describe() == {
        "source": "stored",
        "method": "made",
        "params": {"a": 1},
        "scale": 0.5,
        "size": "32x24",
        "frame_size": "64x48",
        "id": source.reference().id,
    }


@pytest.mark.parametrize("is_flat", [False, True])
def test_flo_files_are_the_flow_from_the_frame_they_are_named_after(scene, tmp_path, is_flat):
    clips = [scene.clip("pan"), scene.clip("still")]
    source = FloFolderFlow(write_flo_files(tmp_path, clips, is_flat=is_flat), scene)
    source.check(clips)
    for clip in clips:
        with source.open(clip) as flow:
            for index in range(len(clip.frames) - 1):
                expected = field(index, FlowDirection.PREV_TO_NEXT)
                np.testing.assert_array_equal(flow.prev_to_next(index), expected)


def test_unknown_pixels_of_flo_files_have_no_flow(scene, tmp_path):
    clip = scene.clip("still")
    path = write_flo_files(tmp_path, [clip]) / "still" / f"{clip.frame_names[0]}.flo"
    values = field(0, FlowDirection.PREV_TO_NEXT)
    values[5, 6] = 1e10
    write_flo(path, values)
    with FloFolderFlow(tmp_path, scene).open(clip) as flow:
        missing = np.argwhere(~np.isfinite(flow.prev_to_next(0)).all(axis=2))
    assert missing.tolist() == [[5, 6]]


def test_flo_files_have_neither_the_other_direction_nor_visibility(scene, tmp_path):
    clip = scene.clip("still")
    source = FloFolderFlow(write_flo_files(tmp_path, [clip]), scene)
    for needs, message in ((BACKWARD, "no next_to_prev"), (VISIBLE, "no visibility")):
        with pytest.raises(InputError, match=message) as caught:
            source.check([clip], needs)
        assert caught.value.hint
    with source.open(clip) as flow:
        with pytest.raises(InputError, match="no next_to_prev"):
            flow.next_to_prev(0)
        with pytest.raises(InputError, match="no visibility"):
            flow.visible_prev(0)


def test_missing_flo_files_are_counted_and_the_first_is_named(scene, tmp_path):
    clip = scene.clip("pan")
    write_flo_files(tmp_path, [clip])
    for index in (1, 3):
        (tmp_path / "pan" / f"{clip.frame_names[index]}.flo").unlink()
    with pytest.raises(InputError, match=r"2 of 4 .* clip pan .*pan_001\.flo"):
        FloFolderFlow(tmp_path, scene).check([clip])


def test_flo_files_of_different_size_are_refused(scene, tmp_path):
    clip = scene.clip("pan")
    write_flo_files(tmp_path, [clip])
    write_flo(tmp_path / "pan" / "pan_002.flo", np.zeros((24, 32, 2), np.float32))
    with pytest.raises(InputError, match="differ in size"):
        FloFolderFlow(tmp_path, scene).check([clip])


def test_smaller_flo_files_of_the_same_shape_fit_and_padded_ones_do_not(scene, tmp_path):
    clip = scene.clip("pan")
    for folder, size in (("small", (25, 33)), ("padded", (64, 64))):
        write_flo_files(tmp_path / folder, [clip], size=size)
    FloFolderFlow(tmp_path / "small", scene).check([clip])
    with pytest.raises(InputError, match="64x64, the frames are 64x48: another shape"):
        FloFolderFlow(tmp_path / "padded", scene).check([clip])


def test_clips_may_not_share_flat_flo_files(tmp_path):
    dataset = write_moving_dataset(tmp_path / "data")
    write_flo_files(tmp_path / "flo", dataset.clips[:1], is_flat=True)
    source = FloFolderFlow(tmp_path / "flo", dataset)
    source.check(dataset.clips[:1])
    with pytest.raises(InputError, match="clips train0 and train1 would both read"):
        source.check(dataset.clips)


def test_a_damaged_flo_file_is_found_before_any_work(scene, tmp_path):
    clip = scene.clip("still")
    write_flo_files(tmp_path, [clip])
    path = tmp_path / "still" / f"{clip.frame_names[1]}.flo"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="truncated"):
        FloFolderFlow(tmp_path, scene).check([clip])


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_a_folder_without_flo_files_is_refused(scene, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.flo file"):
        FloFolderFlow(tmp_path / folder, scene)


def test_flo_files_are_identified_by_what_they_hold(scene, tmp_path):
    clip = scene.clip("still")
    source = FloFolderFlow(write_flo_files(tmp_path, [clip]), scene)
    first = source.reference()
    assert (first.role, first.kind) == ("flow", "raw")
    assert source.describe() == {
        "source": "flo",
        "method": None,
        "params": {},
        "size": "64x48",
        "id": first.id,
    }
    write_flo(tmp_path / "still" / f"{clip.frame_names[0]}.flo", field(7, "next_to_prev"))
    assert source.reference().id != first.id


def test_masks_are_enlarged_by_nearest_pixel():
    small = np.array([[True, False], [False, True]])
    large = fit_visible(small, (4, 6))
    np.testing.assert_array_equal(large, small.repeat(2, 0).repeat(3, 1))
    assert fit_visible(small, (2, 2)) is small


def test_needs_add_up():
    joined = BACKWARD | VISIBLE
    assert (joined.prev_to_next, joined.next_to_prev, joined.visibility) == (True, True, True)
    assert BOTH.directions == tuple(FlowDirection)
    assert BACKWARD.directions == (FlowDirection.NEXT_TO_PREV,)
