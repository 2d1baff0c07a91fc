from __future__ import annotations

import json

import numpy as np
import pytest

from vstc.artifacts.manifest import read_manifest
from vstc.errors import InputError, OutputError
from vstc.evaluation.flow_sources.cached import FlowCache
from vstc.evaluation.flow_sources.computed import ComputedFlow
from vstc.evaluation.flow_sources.source import FlowNeeds
from vstc.flow.providers import make_provider
from vstc.formats.dataset import dataset_ref
from vstc.formats.flow.hdf5 import flow_path

METHOD = "dis-ultrafast"
BOTH = FlowNeeds(next_to_prev=True)


@pytest.fixture
def cache_of(scene, tmp_path):
    def make(folder=tmp_path / "cache", *, method=METHOD, params=None):
        reference = dataset_ref("dataset", scene.folder)
        return FlowCache(folder, scene, reference=reference, method=method, params=params)

    return make


@pytest.fixture
def moving(scene):
    return [scene.clip("pan"), scene.clip("still")]


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.h5")}


def test_the_first_use_computes_an_artifact_that_later_ones_read(cache_of, scene, moving):
    cache, fields = cache_of(), []
    assert cache.missing(moving) == moving
    assert not cache.folder.exists()
    stored = cache.fill(moving, on_fields=fields.append)
    assert sum(fields) == cache.num_fields(moving) == 6
    computed = ComputedFlow(scene, make_provider(METHOD))
    with stored.open(moving[0]) as kept, computed.open(moving[0]) as fresh:
        for index in range(4):
            there = fresh.prev_to_next(index)
            np.testing.assert_allclose(kept.prev_to_next(index), there, atol=1 / 128)
    manifest, before, again = read_manifest(cache.folder), times(cache.folder), []
    assert cache.missing(moving) == []
    assert cache_of().fill(moving, on_fields=again.append).describe() == stored.describe()
    assert (times(cache.folder), sum(again)) == (before, 6)
    assert read_manifest(cache.folder) == manifest


def test_only_the_needed_directions_are_computed(cache_of, moving):
    forward = cache_of().fill(moving)
    with forward.open(moving[0]) as flow, pytest.raises(InputError, match="no next_to_prev"):
        flow.next_to_prev(0)


def test_more_directions_than_needed_serve_and_fewer_are_refused(cache_of, moving, tmp_path):
    cache_of().fill(moving, BOTH)
    before = times(tmp_path / "cache")
    cache_of().fill(moving).check(moving, BOTH)
    assert times(tmp_path / "cache") == before
    small = cache_of(tmp_path / "small")
    small.fill(moving)
    with pytest.raises(OutputError, match="directions") as caught:
        small.missing(moving, BOTH)
    assert "--flow-cache" in caught.value.hint


def test_more_clips_are_added_to_a_finished_cache(cache_of, moving):
    cache = cache_of()
    first = cache.fill(moving[:1]).reference().id
    before = times(cache.folder)
    assert cache.missing(moving) == moving[1:]
    stored = cache.fill(moving)
    stored.check(moving)
    assert times(cache.folder).items() >= before.items()
    assert stored.reference().id != first
    assert not (cache.folder / "progress.json").exists()


def test_a_cache_that_was_not_finished_is_taken_up(cache_of, moving):
    cache = cache_of()
    cache.fill(moving)
    whole = cache.fill(moving).reference().id
    # As a killed run leaves it: no manifest, one clip still to come.
    (cache.folder / "manifest.json").rename(cache.folder / "progress.json")
    flow_path(cache.folder, "still").unlink()
    kept = times(cache.folder)
    assert cache_of().missing(moving) == moving[1:]
    assert cache_of().fill(moving).reference().id == whole
    assert times(cache.folder).items() >= kept.items()


def test_an_artifact_of_precompute_serves_as_a_cache(run, cache_of, scene, moving, tmp_path):
    folder = tmp_path / "flow"
    more = ("--split", "val", "--gaps", "1,2", "--include-sparse", "-q")
    run("flow", "precompute", scene.folder, "--method", METHOD, *more, "-o", folder)
    before = times(folder)
    stored = cache_of(folder).fill(moving, BOTH)
    assert times(folder) == before
    assert stored.describe()["method"] == METHOD
    with pytest.raises(OutputError, match="made for some clips and lacks sparse"):
        cache_of(folder).missing([*moving, scene.clip("sparse")])


@pytest.mark.parametrize(
    ("other", "message"),
    [({"method": "dis-fast"}, "method"), ({"params": {"finest_scale": 1}}, "params.finest_scale")],
)
def test_another_method_is_refused(cache_of, moving, other, message):
    cache_of().fill(moving[:1])
    with pytest.raises(OutputError, match=f"flow cache.*other settings.*{message}"):
        cache_of(**other).fill(moving)


def test_flow_of_shrunken_frames_is_refused(run, cache_of, scene, moving, tmp_path):
    folder = tmp_path / "flow"
    settings = ("--method", METHOD, "--scale", "0.5", "--set", "params.patch_size=4")
    run("flow", "precompute", scene.folder, *settings, "-o", folder, "-q")
    with pytest.raises(OutputError, match="scale"):
        cache_of(folder, params={"patch_size": 4}).missing(moving)


def test_flow_of_another_data_set_is_refused(cache_of, moving):
    cache = cache_of()
    cache.fill(moving[:1])
    path = cache.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["inputs"][0]["id"] = "0" * 16
    path.write_text(json.dumps(manifest))
    with pytest.raises(OutputError, match="input dataset"):
        cache.missing(moving)


def test_a_folder_that_holds_something_else_is_refused(cache_of, moving, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("mine")
    with pytest.raises(OutputError, match="not made by vstc"):
        cache_of(folder).fill(moving)
    assert (folder / "a.txt").read_text() == "mine"
