import numpy as np
import pytest

from tests.trimaps.archives import SIZE, two_discs, write_archive, write_pair
from vstc.errors import InputError
from vstc.trimaps.sources.archive import ArchiveObjects


def test_masks_are_those_of_the_archive(tmp_path):
    source = ArchiveObjects(write_pair(tmp_path))
    clip = source.clips[0]
    for frame in source.frames(clip):
        wanted = two_discs(frame.index)
        found = dict(frame.load())
        assert found.keys() == wanted.keys()
        for track, patch in found.items():
            assert np.array_equal(patch.image(SIZE), wanted[track])


def test_survey_knows_tracks_without_decoding(tmp_path):
    source = ArchiveObjects(write_pair(tmp_path))
    survey = source.survey(source.clips[0])
    assert [(s.track, s.category, s.first_index, s.frames) for s in survey.values()] == [
        (1, "person", 0, 5),
        (2, "dog", 0, 3),
    ]
    area = np.count_nonzero(two_discs(0)[1])
    assert survey[1].mean_root_area == pytest.approx(np.sqrt(area), rel=1e-3)


def test_empty_mask_is_no_sight_of_the_object(tmp_path):
    nothing = np.zeros(SIZE, np.uint8)
    source = ArchiveObjects(write_archive(tmp_path, {"a": [{1: nothing}, two_discs(0)]}))
    first, second = source.frames(source.clips[0])
    assert first.load() == []
    assert len(second.load()) == 2
    assert source.survey(source.clips[0])[1].first_index == 1


def test_tracks_and_scores_choose(tmp_path):
    write_archive(tmp_path, {"a": [two_discs(0)]}, score=0.4)
    assert not ArchiveObjects(tmp_path, min_score=0.5).survey(ArchiveObjects(tmp_path).clips[0])
    only = ArchiveObjects(tmp_path, tracks=[2])
    assert list(only.survey(only.clips[0])) == [2]


def test_numbers_without_identity_are_refused(tmp_path):
    write_pair(tmp_path, has_identity=False)
    with pytest.raises(InputError, match="no identities") as raised:
        ArchiveObjects(tmp_path)
    assert "vstc instances track" in str(raised.value.hint)


def test_single_frames_need_no_identity(tmp_path):
    source = ArchiveObjects(write_archive(tmp_path, {"a": [two_discs(0)]}, has_identity=False))
    assert len(source.survey(source.clips[0])) == 2
