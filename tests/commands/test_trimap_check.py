import json

import numpy as np
import pytest
from PIL import Image

from tests.trimaps.archives import files_below, read_png, write_gray
from tests.trimaps.pictures import disc
from vstc.trimaps.band import band_trimap

SIZE = (40, 50)
EXACT = band_trimap(disc(SIZE, (20, 25), 12), radius=4)


@pytest.fixture
def foreign(tmp_path):
    """Files with faults that a repair removes."""
    folder = tmp_path / "foreign"
    write_gray(folder / "a" / "0.png", EXACT)
    write_gray(folder / "a" / "1.png", np.where(EXACT == 128, np.uint8(102), EXACT))
    (folder / "b").mkdir()
    Image.fromarray(np.repeat(EXACT[:, :, None], 3, axis=2)).convert("RGBA").save(
        folder / "b" / "0.png"
    )
    return folder


def test_check_names_what_is_wrong_with_each_file(foreign, run):
    done = run("trimap", "check", foreign, "--json", code=6)
    faults = {row["file"]: row for row in done.json["faults"]}
    assert faults.keys() == {"a/1.png", "b/0.png"}
    assert "102" in faults["a/1.png"]["repairable"][0]
    assert "mode RGBA" in faults["b/0.png"]["repairable"][0]
    assert faults["a/1.png"]["misread_by"] == ["indexnet", "vitmatte", "otvm"]
    assert done.json["misread"]["indexnet"] == 2
    assert "first a/1.png" in done.stderr
    assert "-o" in done.stderr


def test_repaired_files_are_exact_and_the_check_is_content(foreign, tmp_path, run):
    done = run("trimap", "check", foreign, "-o", tmp_path / "r", "--json")
    assert done.json["written"] == 3
    for name in ("a/0.png", "a/1.png", "b/0.png"):
        assert np.array_equal(read_png(tmp_path / "r" / "trimaps" / name), EXACT)
    clean = run("trimap", "check", tmp_path / "r" / "trimaps", "--json").json
    assert clean["faults"] == []
    assert set(clean["misread"].values()) == {0}
    assert json.loads((tmp_path / "r" / "check.json").read_text())["files"] == 3


def test_fault_that_stays_leaves_with_6_after_the_repair(foreign, tmp_path, run):
    write_gray(foreign / "a" / "2.png", np.where(EXACT == 255, np.uint8(128), EXACT))
    write_gray(foreign / "a" / "3.png", EXACT // 127)
    (foreign / "a" / "4.png").write_bytes(b"no image")
    done = run("trimap", "check", foreign, "-o", tmp_path / "r", "--json", code=6)
    lasting = {row["file"]: row["lasting"] for row in done.json["faults"] if row["lasting"]}
    assert lasting["a/2.png"] == ["no foreground"]
    assert "ids of classes" in lasting["a/3.png"][0]
    assert "not readable" in lasting["a/4.png"][0]
    assert (tmp_path / "r" / "trimaps" / "a" / "2.png").exists()
    assert not (tmp_path / "r" / "trimaps" / "a" / "3.png").exists()


def test_frame_of_another_size_is_a_fault_but_stills_are_not(tmp_path, run):
    for index in range(4):
        write_gray(tmp_path / "video" / f"{index}.png", EXACT)
    write_gray(tmp_path / "video" / "4.png", EXACT[:, :-1])
    done = run("trimap", "check", tmp_path / "video", "--json", code=6)
    assert [row["file"] for row in done.json["faults"]] == ["4.png"]
    assert "it is 49x40, most others of its folder 50x40" in done.stderr
    write_gray(tmp_path / "stills" / "a.png", EXACT)
    write_gray(tmp_path / "stills" / "b.png", EXACT[:, :-5])
    assert run("trimap", "check", tmp_path / "stills", "--json").json["faults"] == []


def test_absent_object_is_counted_and_no_fault(tmp_path, run):
    write_gray(tmp_path / "t" / "0.png", EXACT)
    write_gray(tmp_path / "t" / "1.png", EXACT * 0)
    done = run("trimap", "check", tmp_path / "t", "--json")
    assert (done.json["files"], done.json["absent"], done.json["faults"]) == (2, 1, [])


def test_own_export_is_content(tmp_path, run):
    from tests.trimaps.archives import write_pair

    run("trimap", "export", write_pair(tmp_path / "i"), "-o", tmp_path / "t", "-q", "--merged")
    assert run("trimap", "check", tmp_path / "t", "--json").json["faults"] == []


def test_single_file_can_be_checked(foreign, run):
    done = run("trimap", "check", foreign / "a" / "0.png")
    assert "1 files read, 0 with faults" in done.stdout


def test_check_dry_run_refuses_and_resumes_like_all_others(foreign, tmp_path, run):
    command = ["trimap", "check", foreign, "-o", tmp_path / "r"]
    run(*command, "--dry-run", code=6)
    assert not (tmp_path / "r").exists()
    run(*command, "-q")
    before = files_below(tmp_path / "r")
    assert "--resume" in run(*command, code=4).stderr
    assert "nothing to do" in run(*command, "--resume").stderr
    run(*command, "--overwrite", "-q")
    assert files_below(tmp_path / "r") == before


def test_nothing_to_check_and_two_of_a_name_are_input_errors(foreign, tmp_path, run):
    (tmp_path / "empty").mkdir()
    assert "no image" in run("trimap", "check", tmp_path / "empty", code=3).stderr
    Image.fromarray(EXACT).save(foreign / "a" / "0.bmp")
    assert "stands twice" in run("trimap", "check", foreign, code=3).stderr


def test_real_trimaps_that_break_the_convention_are_repaired(real_data, tmp_path, run):
    folder = real_data / "instances" / "matting"
    done = run(
        "trimap",
        "check",
        folder / "pymatting_lemur" / "lemur_trimap.png",
        "-o",
        tmp_path / "lemur",
        "--json",
    )
    (row,) = done.json["faults"]
    assert len(row["repairable"]) == 2
    ours = read_png(tmp_path / "lemur" / "trimaps" / "lemur_trimap.png")
    theirs = np.asarray(Image.open(folder / "pymatting_lemur" / "lemur_trimap.png"))[..., 0]
    assert np.array_equal(ours, np.where(theirs == 102, np.uint8(128), theirs))
    fba = np.asarray(Image.open(folder / "pymatting_lemur" / "lemur_trimap_fba.png").convert("L"))
    assert set(np.unique(fba)) == {0, 128, 255}
    run("trimap", "check", folder / "fba_examples" / "troll_trimap.png", "-o", tmp_path / "troll")
    palette = Image.open(folder / "fba_examples" / "troll_trimap.png")
    assert palette.mode == "P"
    repaired = read_png(tmp_path / "troll" / "trimaps" / "troll_trimap.png")
    assert np.array_equal(repaired, np.asarray(palette.convert("L")))
