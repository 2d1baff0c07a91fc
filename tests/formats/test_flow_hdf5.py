import json
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.errors import InputError
from vstc.formats.flow.chunks import LARGEST, decode_flow_chunk
from vstc.formats.flow.hdf5 import (
    Compression,
    FlowArchive,
    FlowDirection,
    FlowInfo,
    FlowReader,
    FlowWriter,
    encode_field,
)

NEXT_TO_PREV = FlowDirection.NEXT_TO_PREV
PREV_TO_NEXT = FlowDirection.PREV_TO_NEXT


def random_flow(rng, size, spread=20.0):
    return rng.normal(0, spread, (*size, 2)).astype(np.float32)


def info_of(size, *, frames=3, **changes):
    names = tuple(f"frame_{i:03d}" for i in range(frames))
    fields = {"method": "test", "params": {"a": 1}, "source_size": size, "size": size}
    return FlowInfo(frames=names, **(fields | changes))


def write_random(path, info, rng, compression=Compression.FAST):
    written = {}
    with FlowWriter(path, info, compression=compression) as writer:
        for gap in info.gaps:
            for index in range(info.num_pairs(gap)):
                for direction in info.directions:
                    flow = random_flow(rng, info.size)
                    visible = rng.random(info.size) < 0.5 if info.has_visibility else None
                    writer.write(index, flow, direction=direction, gap=gap, visible=visible)
                    written[direction, gap, index] = flow, visible
    return written


@given(
    height=st.integers(1, 150),
    width=st.integers(1, 300),
    seed=st.integers(0, 1000),
    compression=st.sampled_from(Compression),
)
@settings(max_examples=25, deadline=None)
def test_plain_h5py_reads_what_was_written(tmp_path_factory, height, width, seed, compression):
    path = tmp_path_factory.mktemp("flow") / "clip.h5"
    rng = np.random.default_rng(seed)
    info = info_of((height, width), gaps=(1, 2), has_visibility=True)
    written = write_random(path, info, rng, compression)
    with h5py.File(path) as file:
        for (direction, gap, index), (flow, visible) in written.items():
            dataset = file[f"{direction}" if gap == 1 else f"gap_{gap}/{direction}"]
            assert dataset.compression == "gzip"
            assert dataset.shuffle
            assert dataset.chunks == (1, 2, min(128, height), min(256, width))
            expected = np.rint(flow * 64).astype(np.int16)
            np.testing.assert_array_equal(np.moveaxis(dataset[index], 0, 2), expected)
            np.testing.assert_array_equal(file[f"{dataset.name}_visible"][index], visible)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_window_equals_slice_of_whole_field(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "windows.h5"
    info = info_of((260, 300), directions=(NEXT_TO_PREV,), has_visibility=True)
    if not path.exists():
        write_random(path, info, np.random.default_rng(0))
    top = data.draw(st.integers(0, 259))
    left = data.draw(st.integers(0, 299))
    height = data.draw(st.integers(1, 260 - top))
    width = data.draw(st.integers(1, 300 - left))
    with FlowReader(path) as reader:
        window = (top, left, height, width)
        whole = reader.read(1, direction=NEXT_TO_PREV)
        part = reader.read(1, direction=NEXT_TO_PREV, window=window)
        np.testing.assert_array_equal(part, whole[top : top + height, left : left + width])
        seen = reader.visible(1, direction=NEXT_TO_PREV)
        seen_part = reader.visible(1, direction=NEXT_TO_PREV, window=window)
        np.testing.assert_array_equal(seen_part, seen[top : top + height, left : left + width])


def test_values_come_back_within_half_a_step(tmp_path, rng):
    info = info_of((40, 50))
    written = write_random(tmp_path / "a.h5", info, rng)
    with FlowReader(tmp_path / "a.h5") as reader:
        for (direction, gap, index), (flow, _) in written.items():
            found = reader.read(index, direction=direction, gap=gap)
            assert found.dtype == np.float32
            assert np.abs(found - flow).max() <= 0.5 / 64


def test_file_describes_itself(tmp_path, rng):
    info = info_of((20, 30), source_size=(40, 60), params={"finest_scale": 2})
    write_random(tmp_path / "a.h5", info, rng)
    with h5py.File(tmp_path / "a.h5") as file:
        attributes = dict(file.attrs)
        assert attributes["schema"] == "vstc.flow"
        assert attributes["schema_version"] == 1
        assert attributes["scale"] == 64
        assert "sampling the previous frame" in attributes["convention_next_to_prev"]
        assert "sampling the next frame" in attributes["convention_prev_to_next"]
        assert json.loads(attributes["params"]) == {"finest_scale": 2}
        assert attributes["source_size"].tolist() == [40, 60]
    assert FlowReader(tmp_path / "a.h5").info == info


def test_saturation_is_clipped_and_counted(tmp_path):
    flow = np.zeros((20, 20, 2), np.float32)
    flow[0, 0] = 600, -512
    flow[1, 1, 0] = 511.98
    with FlowWriter(tmp_path / "a.h5", info_of((20, 20), frames=2)) as writer:
        writer.write(0, flow, direction=NEXT_TO_PREV)
        writer.write(0, -flow, direction=PREV_TO_NEXT)
    with FlowReader(tmp_path / "a.h5") as reader:
        assert reader.saturated_values(direction=NEXT_TO_PREV) == 2
        assert reader.read(0, direction=NEXT_TO_PREV)[0, 0].tolist() == [LARGEST, -LARGEST]
        assert reader.read(0, direction=NEXT_TO_PREV)[1, 1, 0] == pytest.approx(511.98, abs=1 / 64)


def test_flow_that_is_not_finite_is_refused():
    flow = np.zeros((20, 20, 2), np.float32)
    flow[3, 3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        encode_field(flow)


@pytest.mark.parametrize("kind", ["noise", "zero", "steps"])
def test_both_compressions_hold_the_same_values(rng, kind):
    flow = random_flow(rng, (128, 256)) if kind == "noise" else np.zeros((128, 256, 2), np.float32)
    if kind == "steps":
        flow[:64] = 3.25
    fast, small = (encode_field(flow, compression=c).chunks[0] for c in Compression)
    np.testing.assert_array_equal(
        decode_flow_chunk(fast, (128, 256)), decode_flow_chunk(small, (128, 256))
    )
    if kind != "noise":
        assert len(fast) < 2000


def test_same_content_gives_same_bytes(tmp_path):
    for name in "ab":
        info = info_of((130, 270), gaps=(1, 2), has_visibility=True)
        write_random(tmp_path / f"{name}.h5", info, np.random.default_rng(3))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_nothing_appears_before_the_end_and_nothing_after_a_failure(tmp_path, rng):
    path = tmp_path / "a.h5"

    def fail_halfway():
        with FlowWriter(path, info_of((20, 20))) as writer:
            writer.write(0, random_flow(rng, (20, 20)), direction=NEXT_TO_PREV)
            assert not path.exists()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []


def test_missing_pairs_are_not_passed_over(tmp_path, rng):
    writer = FlowWriter(tmp_path / "a.h5", info_of((20, 20)))
    writer.write(0, random_flow(rng, (20, 20)), direction=NEXT_TO_PREV)
    with pytest.raises(ValueError, match="already"):
        writer.write(0, random_flow(rng, (20, 20)), direction=NEXT_TO_PREV)
    with pytest.raises(ValueError, match="3 pairs"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_writer_refuses_fields_of_another_size(tmp_path, rng):
    with (
        pytest.raises(InputError, match="differ in size"),
        FlowWriter(tmp_path / "a.h5", info_of((20, 20))) as writer,
    ):
        writer.write(0, random_flow(rng, (20, 21)), direction=NEXT_TO_PREV)


def test_clip_of_one_frame_has_no_pairs(tmp_path):
    with FlowWriter(tmp_path / "a.h5", info_of((20, 20), frames=1)):
        pass
    with pytest.raises(InputError, match="no pair 0"):
        FlowReader(tmp_path / "a.h5").read(0, direction=NEXT_TO_PREV)


@pytest.mark.parametrize("kept", [0, 100, 3000, -200])
def test_truncated_file_is_an_input_error(tmp_path, rng, kept):
    path = tmp_path / "a.h5"
    write_random(path, info_of((64, 64)), rng)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"a\.h5") as caught:
        FlowReader(path).read(0, direction=NEXT_TO_PREV)
    assert "--resume" in caught.value.hint


def test_damaged_chunk_is_an_input_error(tmp_path, rng):
    path = tmp_path / "a.h5"
    write_random(path, info_of((64, 64)), rng)
    with h5py.File(path) as file:
        chunk = file["next_to_prev"].id.get_chunk_info_by_coord((0, 0, 0, 0))
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + 500] ^= 255
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        FlowReader(path).read(0, direction=NEXT_TO_PREV)


def test_newer_and_foreign_files_are_refused(tmp_path, rng):
    path = tmp_path / "a.h5"
    write_random(path, info_of((20, 20)), rng)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 2
    with pytest.raises(InputError, match="version 2"):
        _ = FlowReader(path).info
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="not a vstc.flow"):
        _ = FlowReader(tmp_path / "b.h5").info


def test_what_is_not_there_is_named(tmp_path, rng):
    path = tmp_path / "a.h5"
    write_random(path, info_of((20, 20), directions=(NEXT_TO_PREV,)), rng)
    reader = FlowReader(path)
    with pytest.raises(InputError, match="no flow prev_to_next with gap 1, only next_to_prev"):
        reader.read(0, direction=PREV_TO_NEXT)
    with pytest.raises(InputError, match="gap 2"):
        reader.read(0, direction=NEXT_TO_PREV, gap=2)
    with pytest.raises(InputError, match="no pair 2"):
        reader.read(2, direction=NEXT_TO_PREV)
    with pytest.raises(InputError, match="leaves"):
        reader.read(0, direction=NEXT_TO_PREV, window=(0, 0, 21, 20))
    with pytest.raises(InputError, match="visibility"):
        reader.visible(0, direction=NEXT_TO_PREV)


def test_files_packed_by_others_are_read_too(tmp_path, rng):
    path = tmp_path / "a.h5"
    written = write_random(path, info_of((20, 20), frames=2, directions=(NEXT_TO_PREV,)), rng)
    with h5py.File(path, "r+") as file:
        values = file["next_to_prev"][()]
        del file["next_to_prev"]
        file.create_dataset("next_to_prev", data=values, compression="lzf")
    found = FlowReader(path).read(0, direction=NEXT_TO_PREV, window=(3, 4, 10, 11))
    expected = written[NEXT_TO_PREV, 1, 0][0][3:13, 4:15]
    assert np.abs(found - expected).max() <= 0.5 / 64


def test_reader_can_be_pickled_and_forked(tmp_path, rng):
    path = tmp_path / "a.h5"
    write_random(path, info_of((20, 20)), rng)
    reader = FlowReader(path)
    expected = reader.read(0, direction=NEXT_TO_PREV)
    copy = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(copy.read(0, direction=NEXT_TO_PREV), expected)
    child = os.fork()
    if child == 0:
        same = np.array_equal(reader.read(0, direction=NEXT_TO_PREV), expected)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(reader.read(0, direction=NEXT_TO_PREV), expected)


def test_many_threads_read_the_same_values(tmp_path, rng):
    info = info_of((130, 270), frames=9)
    write_random(tmp_path / "a.h5", info, rng)
    reader = FlowReader(tmp_path / "a.h5")
    serial = [reader.read(i, direction=NEXT_TO_PREV) for i in range(8)]
    reader.close()
    barrier = threading.Barrier(4)

    def read_all(_):
        barrier.wait()
        return [reader.read(i, direction=NEXT_TO_PREV) for i in range(8)]

    with ThreadPoolExecutor(4) as pool:
        for fields in pool.map(read_all, range(4)):
            np.testing.assert_array_equal(fields, serial)


def test_archive_finds_clips_and_names_the_repair(tmp_path, rng):
    folder = tmp_path / "flow"
    write_random(folder / "a.h5", info_of((20, 20)), rng)
    manifest = {
        "kind": "vstc.flow",
        "schema_version": 1,
        "config": {"split": None, "limit": None},
        "inputs": [{"role": "dataset", "path": "data/x", "kind": "vstc.dataset", "id": "0"}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    archive = FlowArchive(folder)
    assert archive.has("a")
    assert not archive.has("b")
    assert archive.clip_ids() == ["a"]
    assert archive.dataset_path == Path("data/x")
    assert archive.reader("a") is archive.reader("a")
    with pytest.raises(InputError, match=f"flow for clip b is missing in {folder}") as caught:
        archive.reader("b")
    assert caught.value.hint == f"vstc flow precompute data/x -o {folder} --resume"
    assert pickle.loads(pickle.dumps(archive)).has("a")


def test_archive_takes_a_bare_folder_but_no_incomplete_artifact(tmp_path, rng):
    write_random(tmp_path / "a.h5", info_of((20, 20)), rng)
    assert FlowArchive(tmp_path).has("a")
    (tmp_path / "progress.json").write_text("{}")
    with pytest.raises(InputError, match="incomplete"):
        FlowArchive(tmp_path)
    with pytest.raises(InputError, match="not found"):
        FlowArchive(tmp_path / "none")


def test_archive_keeps_few_files_open(tmp_path, rng):
    for i in range(70):
        write_random(tmp_path / f"{i}.h5", info_of((16, 16), frames=2), rng)
    archive = FlowArchive(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for i in range(70):
        archive.reader(str(i)).read(0, direction=NEXT_TO_PREV)
    assert len(os.listdir("/proc/self/fd")) - before <= 65
    archive.close()


@pytest.fixture
def rng():
    return np.random.default_rng(0)
