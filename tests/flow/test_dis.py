import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from vstc.errors import InputError
from vstc.flow.dis import DisSettings, DisWorker, coarsest_scale
from vstc.flow.providers import make_provider


def texture(height, width, seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def moved(image, dx, dy):
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = (image.shape[1], image.shape[0])
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT)


def sampled(source, flow):
    y, x = np.indices(flow.shape[:2], dtype=np.float32)
    return cv2.remap(source, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)


def inner_error(a, b):
    return np.abs(a.astype(float) - b)[20:-20, 20:-20].mean()


@pytest.fixture
def worker():
    return DisWorker(DisSettings())


def fresh(target, source):
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(
        target, source, None
    )


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("dis-ultrafast", cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST),
        ("dis-fast", cv2.DISOPTICAL_FLOW_PRESET_FAST),
        ("dis-medium", cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
    ],
)
def test_presets_equal_those_of_opencv(name, preset):
    target, source = texture(120, 160), moved(texture(120, 160), 3, -2)
    expected = cv2.DISOpticalFlow.create(preset).calc(target, source, None)
    found = make_provider(name).make_worker().flow(target, source)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["dis-ultrafast", "dis-fast", "dis-medium", "farneback"])
@pytest.mark.parametrize(("dx", "dy"), [(5, 0), (0, -4), (3, 6)])
def test_flow_samples_source_to_give_target(name, dx, dy):
    previous = texture(160, 200)
    following = moved(previous, dx, dy)
    worker = make_provider(name).make_worker()
    flow_next_to_prev = worker.flow(following, previous)
    centre = np.median(flow_next_to_prev[30:-30, 30:-30].reshape(-1, 2), axis=0)
    np.testing.assert_allclose(centre, (-dx, -dy), atol=0.15)
    right = inner_error(sampled(previous, flow_next_to_prev), following)
    still = inner_error(previous, following)
    wrong = inner_error(sampled(previous, worker.flow(previous, following)), following)
    assert right < 0.25 * still
    assert wrong > 1.1 * still


def test_one_call_does_not_change_the_next(worker):
    """Trap: a flow that was once given stays in the object as a starting point."""
    a, b, c = texture(96, 128, 0), texture(96, 128, 1), moved(texture(96, 128, 0), 2, 1)
    first = worker.flow(a, c)
    worker.flow(a, b)
    np.testing.assert_array_equal(worker.flow(a, c), first)
    np.testing.assert_array_equal(first, fresh(a, c))


def test_no_buffer_and_no_garbage_collection_ever(monkeypatch, worker):
    """Traps: an output array is a starting point too; calc after collectGarbage crashes."""
    calls = []

    class Spy:
        def __getattr__(self, name):
            return lambda *args: calls.append((name, args)) or np.zeros((32, 32, 2), np.float32)

    monkeypatch.setattr("vstc.flow.dis._make", lambda *given: Spy())
    for _ in range(3):
        worker.flow(texture(32, 32), texture(32, 32, 1))
    assert [name for name, _ in calls] == ["calc"] * 3
    assert all(len(args) == 3 and args[2] is None for _, args in calls)


def test_results_are_arrays_of_their_own(worker):
    a, b = texture(64, 64), moved(texture(64, 64), 2, 0)
    first = worker.flow(a, b)
    kept = first.copy()
    second = worker.flow(b, a)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)


def test_small_image_does_not_change_later_big_ones(worker):
    """Trap: an image of 64 pixels lowers the finest scale of the object for good."""
    small = texture(64, 64)
    big, big_moved = texture(360, 480), moved(texture(360, 480), 9, 4)
    expected = fresh(big, big_moved)
    worker.flow(small, moved(small, 1, 1))
    np.testing.assert_array_equal(worker.flow(big, big_moved), expected)


def test_many_shapes_in_many_threads_equal_serial(worker):
    """Trap: two threads in one object corrupt the heap, a larger image in a warm one crashes."""
    shapes = [(64, 64), (96, 160), (240, 320), (61, 83), (120, 90), (33, 200)]
    pairs = [(texture(*s, i), moved(texture(*s, i), 2, 1)) for i, s in enumerate(shapes)] * 4
    serial = [DisWorker(DisSettings()).flow(a, b) for a, b in pairs]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda pair: worker.flow(*pair), pairs))
    for found, expected in zip(results, serial, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_every_thread_and_shape_has_its_own_object(worker):
    made = {}

    def use(name, shape):
        worker.flow(texture(*shape), texture(*shape))
        made[name] = worker._object(shape)

    use("main", (32, 32))
    use("again", (32, 32))
    use("larger", (48, 32))
    thread = threading.Thread(target=use, args=("thread", (32, 32)))
    thread.start()
    thread.join()
    assert made["main"] is made["again"]
    assert len({id(made[name]) for name in ("main", "larger", "thread")}) == 3


def test_few_objects_are_kept(worker):
    for side in range(20, 40):
        worker.flow(texture(side, side), texture(side, side))
    assert len(worker._local.objects) == 4


def test_column_and_strided_views_are_taken(worker):
    """Trap: views that are not contiguous fail an assertion in OpenCV."""
    wide = texture(80, 300)
    target, source = wide[:, 40:140], wide[:, 42:142]
    np.testing.assert_array_equal(worker.flow(target, source), fresh(target.copy(), source.copy()))
    every_second = wide[:, ::2]
    worker.flow(every_second, every_second)


def test_number_of_opencv_threads_does_not_matter(worker):
    a, b = texture(240, 320), moved(texture(240, 320), 4, 2)
    before = cv2.getNumThreads()
    results = []
    for threads in (1, 2, 4):
        cv2.setNumThreads(threads)
        results.append(worker.flow(a, b))
    cv2.setNumThreads(before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("shape", [(11, 100), (100, 11), (1, 1)])
def test_tiny_images_are_refused(worker, shape):
    with pytest.raises(InputError, match="no side may be below 12"):
        worker.flow(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


@given(
    height=st.integers(12, 90),
    width=st.integers(12, 200),
    patch_size=st.integers(8, 12),
    finest_scale=st.integers(0, 4),
)
@example(height=12, width=500, patch_size=8, finest_scale=2)
@example(height=13, width=40, patch_size=8, finest_scale=2)
@example(height=24, width=500, patch_size=8, finest_scale=2)
@example(height=20, width=2000, patch_size=8, finest_scale=2)
@settings(max_examples=60, deadline=None)
def test_opencv_never_picks_scales_itself(height, width, patch_size, finest_scale):
    """Trap: where it does, it keeps them for later calls and crashes on wide images."""
    worker = DisWorker(DisSettings(patch_size=patch_size, finest_scale=finest_scale))
    shape = (height, width)
    a, b = texture(*shape), moved(texture(*shape), 1, 1)
    assume(max(shape) >= 1.5 * patch_size)
    first = worker.flow(a, b)
    method = worker._object(shape)
    assert method.getPatchSize() == patch_size
    assert method.getFinestScale() <= coarsest_scale(shape, worker._settings)
    np.testing.assert_array_equal(worker.flow(a, b), first)
    assert first.shape == (*shape, 2)


@pytest.mark.parametrize(("shape", "patch_size"), [((15, 40), 16), ((12, 12), 9)])
def test_frames_too_small_for_the_patches_are_refused(shape, patch_size):
    worker = DisWorker(DisSettings(patch_size=patch_size))
    with pytest.raises(InputError, match=f"too small for patches of {patch_size}"):
        worker.flow(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


def test_wrong_frames_are_refused(worker):
    good = np.zeros((20, 20), np.uint8)
    with pytest.raises(InputError, match="differ in size"):
        worker.flow(good, np.zeros((20, 21), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        worker.flow(good, good.astype(np.float32))
    with pytest.raises(ValueError, match="uint8"):
        worker.flow(np.zeros((20, 20, 3), np.uint8), good)
