import numpy as np
import pytest

from tests.trimaps.archives import write_gray
from tests.trimaps.pictures import square
from vstc.errors import ConfigError, InputError
from vstc.trimaps.settings import ExportSettings, SourceFormat
from vstc.trimaps.sources.files import FileObjects
from vstc.trimaps.sources.opening import open_source

SIZE = (20, 30)


def objects(source, index=0):
    clip = source.clips[0]
    frame = list(source.frames(clip))[index]
    return {track: patch.image(SIZE) for track, patch in frame.load()}


def test_ids_are_objects(tmp_path):
    ids = square(SIZE, 2, 2, 5, 5) // 255 * 3 + square(SIZE, 10, 10, 5, 5) // 255 * 7
    write_gray(tmp_path / "dance" / "00000.png", ids)
    write_gray(tmp_path / "dance" / "00001.png", np.where(ids == 3, ids, 0))
    source = FileObjects(tmp_path, format=SourceFormat.IDS)
    assert [clip.id for clip in source.clips] == ["dance"]
    assert {t: np.argwhere(o == 255).tolist() for t, o in objects(source).items()} == {
        track: np.argwhere(ids == track).tolist() for track in (3, 7)
    }
    survey = source.survey(source.clips[0])
    assert [(s.track, s.first_index, s.frames) for s in survey.values()] == [(3, 0, 2), (7, 0, 1)]
    assert survey[3].mean_root_area == 5.0


def test_void_beside_ids_is_no_object(tmp_path):
    ids = square(SIZE, 2, 2, 5, 5) // 255 + square(SIZE, 10, 10, 5, 5)
    write_gray(tmp_path / "dance" / "00000.png", ids)
    source = FileObjects(tmp_path, format=SourceFormat.IDS)
    assert list(source.survey(source.clips[0])) == [1]


def test_masks_may_lie_in_a_folder_of_that_name_and_be_255(tmp_path):
    write_gray(tmp_path / "swan" / "masks" / "00000.png", square(SIZE, 2, 2, 5, 5))
    source = FileObjects(tmp_path, format=SourceFormat.MASKS)
    assert [clip.id for clip in source.clips] == ["swan"]
    assert np.array_equal(objects(source)[1], square(SIZE, 2, 2, 5, 5))


def test_folders_with_numbers_are_tracks(tmp_path):
    write_gray(tmp_path / "a" / "2" / "f1.png", square(SIZE, 2, 2, 5, 5))
    write_gray(tmp_path / "a" / "10" / "f10.png", square(SIZE, 8, 8, 5, 5))
    source = FileObjects(tmp_path, format=SourceFormat.MASKS)
    assert source.clips[0].frame_names == ("f1", "f10")
    assert list(objects(source, 0)) == [2]
    assert list(objects(source, 1)) == [10]
    assert list(source.survey(source.clips[0])) == [2, 10]


def test_images_at_the_top_are_a_clip_called_like_the_folder(tmp_path):
    write_gray(tmp_path / "solo" / "00000.png", square(SIZE, 2, 2, 5, 5))
    source = FileObjects(tmp_path / "solo", format=SourceFormat.MASKS)
    assert [clip.id for clip in source.clips] == ["solo"]


def test_alpha_is_sure_at_its_ends_only_and_keeps_what_16_bits_say(tmp_path):
    alpha = np.zeros(SIZE, np.uint16)
    alpha[5, 5:10] = (1, 300, 40000, 65534, 65535)
    write_gray(tmp_path / "a" / "0.png", alpha)
    values = objects(FileObjects(tmp_path, format=SourceFormat.ALPHA))[1][5]
    assert values[5:10].tolist() == [1, 1, 156, 254, 255]


def test_probabilities_are_sure_near_their_ends(tmp_path):
    values = np.zeros(SIZE, np.uint8)
    values[5, 5:10] = (10, 25, 150, 229, 230)
    write_gray(tmp_path / "a" / "0.png", values)
    found = objects(FileObjects(tmp_path, format=SourceFormat.PROBABILITIES))[1][5]
    assert found[5:10].tolist() == [0, 0, 150, 229, 255]


def test_haze_below_one_half_is_no_object(tmp_path):
    write_gray(tmp_path / "a" / "0.png", np.full(SIZE, 100, np.uint8))
    source = FileObjects(tmp_path, format=SourceFormat.ALPHA)
    assert objects(source) == {}
    assert source.survey(source.clips[0]) == {}


def test_image_of_another_size_is_refused_with_its_name(tmp_path):
    write_gray(tmp_path / "judo" / "00000.png", square((48, 85), 2, 2, 5, 5))
    write_gray(tmp_path / "judo" / "00005.png", square((48, 84), 2, 2, 5, 5))
    with pytest.raises(InputError, match=r"00005.png is 84x48.*judo are 85x48"):
        FileObjects(tmp_path, format=SourceFormat.IDS)


def test_mask_that_is_one_column_short_is_refused(real_data):
    folder = real_data / "instances" / "cutie_judo"
    with pytest.raises(InputError, match=r"00005.png is 853x480"):
        FileObjects(folder, format=SourceFormat.IDS)


def test_track_folders_are_no_id_maps(tmp_path):
    for track in (1, 2):
        write_gray(tmp_path / "a" / str(track) / "0.png", square(SIZE, 2, 2, 5, 5))
    with pytest.raises(InputError, match="a folder for each of 2 objects"):
        FileObjects(tmp_path, format=SourceFormat.IDS)


def test_images_need_a_word_about_what_they_are(tmp_path):
    write_gray(tmp_path / "a" / "0.png", square(SIZE, 2, 2, 5, 5))
    with pytest.raises(ConfigError, match="folder of images") as raised:
        open_source(tmp_path, ExportSettings())
    assert "--format ids" in str(raised.value.hint)


def test_files_have_no_scores(tmp_path):
    write_gray(tmp_path / "a" / "0.png", square(SIZE, 2, 2, 5, 5))
    with pytest.raises(ConfigError, match="no scores"):
        open_source(tmp_path, ExportSettings(format=SourceFormat.IDS, min_score=0.5))


@pytest.mark.parametrize("folder", ["absent", "empty"])
def test_folder_without_images_is_an_input_error(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        FileObjects(tmp_path / folder, format=SourceFormat.IDS)
