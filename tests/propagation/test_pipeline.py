"""The pipeline: equal to the sequential engine to the bit, bounded, in order, and ended cleanly."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.propagation.moving_frames import NUM_CLASSES, ColorKeys, panning, true_keys
from vstc.errors import ConfigError, InputError
from vstc.inference.frame_streams import StreamFrame
from vstc.models.score_merge import ScoreMerge
from vstc.propagation.clock import Part, PartClock
from vstc.propagation.engine import Propagated, Propagator
from vstc.propagation.frames import ComputedFlow, PreparedFrame, StepMaps
from vstc.propagation.networks import RefinerInput
from vstc.propagation.presets import preset
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks
from vstc.propagation.threads.made_ahead import MapsAhead
from vstc.propagation.threads.networks import NetworkThread
from vstc.propagation.threads.pipeline import AnyFrame, DrawnFrame, MissingFrame, Pipeline

pytestmark = pytest.mark.usefixtures("one_thread")
Image = np.ndarray | None


class Watched:
    """Something of which one method tells when it is called."""

    def __init__(self, watched: Any, method: str, tell: Callable[[], None]) -> None:
        self._watched = watched
        self._method = method
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._tell()
        return getattr(self._watched, name)


class Frames:
    """Frames in memory; ``before`` is called with the place of each as it is read."""

    def __init__(
        self, images: list[Image], *, before: Callable[[int], None] = lambda _: None
    ) -> None:
        self._images = images
        self._before = before
        self.given = 0
        self.is_closed = False

    def __iter__(self) -> Iterator[AnyFrame]:
        for index, image in enumerate(self._images):
            if self.is_closed:
                return
            self._before(index)
            self.given += 1
            name = f"{index:06d}"
            if image is None:
                yield MissingFrame(index, name)
            else:
                yield StreamFrame(index, name, image)

    def close(self) -> None:
        self.is_closed = True


class ColorRefiner:
    """Mixes what was carried with the colours of the frame."""

    takes_feature = True
    takes_residual = True

    def refine(self, given: RefinerInput) -> torch.Tensor:
        assert given.feature is not None
        assert given.residual is not None
        size = (given.probabilities.shape[-2], given.probabilities.shape[-1])
        colors = ColorKeys().scores(given.frame, size)
        doubt = torch.from_numpy(given.attention + given.residual)
        mixed: torch.Tensor = colors * doubt + given.probabilities.log() + given.feature.values
        return mixed.softmax(dim=1)


def color_networks(settings: PropagateSettings) -> Networks:
    keys = ColorKeys()
    flows = ComputedFlow(settings.flow.make_provider()) if settings.warp else None
    return Networks(
        keys, flows, refiner=ColorRefiner(), head=keys, light=keys, merge=ScoreMerge(3).eval()
    )


def sequential(
    images: list[Image], networks: Networks, settings: PropagateSettings
) -> list[Propagated]:
    engine = Propagator(settings, networks)
    results = [result for image in images for result in engine.step(image)]
    return results + engine.finish()


def pipelined(
    images: list[Image],
    networks: Networks,
    settings: PropagateSettings,
    *,
    workers: int = 2,
    clock: PartClock | None = None,
) -> list[DrawnFrame]:
    with Pipeline(settings, workers=workers, clock=clock) as pipeline:
        return list(pipeline.run(Frames(images), networks))


def assert_same(
    images: list[Image], settings: PropagateSettings, networks: Networks | None = None
) -> list[Propagated]:
    networks = networks or color_networks(settings)
    expected = sequential(images, networks, settings)
    drawn = pipelined(images, networks, settings)
    assert [one.result.index for one in drawn] == list(range(len(images)))
    assert [one.frame.index for one in drawn] == list(range(len(images)))
    for one, other in zip((d.result for d in drawn), expected, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert (one.scores is None) == (other.scores is None)
        if one.scores is not None and other.scores is not None:
            assert torch.equal(one.scores, other.scores)
        plain = ("labels", "scores")
        assert {k: v for k, v in vars(one).items() if k not in plain} == {
            k: v for k, v in vars(other).items() if k not in plain
        }
    return expected


def chosen(**changes: Any) -> PropagateSettings:
    """Return settings that carry composed probabilities at a quarter, changed in some keys."""
    values = PropagateSettings(carry="probabilities", interval=5).model_dump()
    for key, value in changes.items():
        parent, _, child = key.partition("__")
        if child:
            values[parent][child] = value
        else:
            values[parent] = value
    return PropagateSettings.model_validate(values)


ADAPTIVE = {"schedule__kind": "adaptive", "schedule__threshold": 0.004, "interval": 6}
CHOICES = {
    **{f"evs-{n:02d}": preset(f"evs-{n:02d}") for n in (1, 2, 6, 7, 9, 12)},
    **{name: preset(name) for name in ("fast", "balanced", "best")},
    "plain": chosen(),
    "ahead": chosen(look_ahead=True),
    "every": chosen(mode="evs", refine="every"),
    "above": chosen(mode="evs", refine="every", refine_above=0.01, interval=4),
    "last, ahead": chosen(mode="evs", refine="last", look_ahead=True),
    "one flow, ahead": chosen(iam__always=True, iam__flows=1, look_ahead=True),
    "two flows, ahead": chosen(iam__always=True, look_ahead=True),
    "eq1, ahead": preset("evs-07").model_copy(update={"look_ahead": True}),
    "adaptive": chosen(**ADAPTIVE),
    "target rate": chosen(**ADAPTIVE, schedule__target_rate=0.3),
    "adaptive, ahead": chosen(**ADAPTIVE, look_ahead=True),
    "adaptive, one flow, ahead": chosen(**ADAPTIVE, look_ahead=True, iam__flows=1),
    "features": chosen(mode="features", interval=3),
    "fusion": chosen(mode="fusion", interval=3),
    "every frame a key": chosen(interval=1),
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_pipeline_gives_what_the_engine_gives(name: str) -> None:
    frames, _ = panning(13, step=(3, 1))
    results = assert_same(list(frames), CHOICES[name])
    assert results[0].is_key


@pytest.mark.parametrize("name", ["evs-01", "evs-06", "best", "adaptive, ahead", "fusion"])
@pytest.mark.parametrize("count", [1, 2])
def test_short_clips(name: str, count: int) -> None:
    frames, _ = panning(count, step=(3, 1))
    assert len(assert_same(list(frames), CHOICES[name])) == count


@pytest.mark.parametrize("name", ["evs-07", "plain", "ahead", "adaptive", "one flow, ahead"])
def test_cuts_sizes_and_frames_that_are_missing(name: str) -> None:
    first, second = panning(9, step=(3, 1))[0], panning(8, step=(0, 2), seed=5)[0]
    images: list[Image] = [*first, *second]
    for missing in (2, 5, 6, 11, 16):
        images[missing] = None
    images.append(np.ascontiguousarray(first[0][:80, :96]))
    results = assert_same(images, changed_schedule(CHOICES[name], cuts=True))
    assert [result.index for result in results if result.is_missing] == [2, 5, 6, 11, 16]
    assert [result.index for result in results if result.is_cut] == [9, 17]


def changed_schedule(settings: PropagateSettings, **changes: Any) -> PropagateSettings:
    schedule = settings.schedule.model_copy(update=changes)
    return settings.model_copy(update={"schedule": schedule})


@pytest.mark.parametrize("look_ahead", [False, True])
@pytest.mark.parametrize("carry", ["labels", "probabilities"])
def test_given_labels_are_the_key_frames(look_ahead: bool, carry: str) -> None:
    frames, truth = panning(12, step=(3, 1))
    settings = chosen(schedule__kind="given", look_ahead=look_ahead, carry=carry, interval=4)
    networks = Networks(
        true_keys(truth, only={0, 2, 9}), ComputedFlow(settings.flow.make_provider())
    )
    results = assert_same(list(frames), settings, networks)
    assert [result.index for result in results if result.is_key] == [0, 2, 9]
    assert results[0].labels.max() < NUM_CLASSES


def test_many_threads_give_what_one_gives() -> None:
    frames, _ = panning(20, step=(3, 1))
    settings = CHOICES["last, ahead"]
    networks = color_networks(settings)
    runs = [pipelined(list(frames), networks, settings, workers=n) for n in (1, 5)]
    for one, five in zip(*runs, strict=True):
        np.testing.assert_array_equal(one.result.labels, five.result.labels)


def test_clips_follow_one_another_in_the_same_threads() -> None:
    frames, _ = panning(7, step=(3, 1))
    settings = CHOICES["ahead"]
    networks = color_networks(settings)
    with Pipeline(settings, workers=2) as pipeline:
        first = list(pipeline.run(Frames(list(frames)), networks))
        second = list(pipeline.run(Frames(list(frames)), networks))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.result.labels, other.result.labels)


class CountingFlow:
    """Counts the flow fields that are computed."""

    def __init__(self, settings: PropagateSettings) -> None:
        self._flow = ComputedFlow(settings.flow.make_provider())
        self.pairs: list[tuple[int, int]] = []

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> np.ndarray:
        self.pairs.append((target.index, source.index))
        return self._flow.flow(target, source)


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("evs-09", set()),
        # Paul et al.'s flow lies on the grid of the source.
        ("evs-07", {(i, i + 1) for i in range(11) if i % 5 != 4}),
        ("plain", {(i + 1, i) for i in range(11) if i % 5 != 4}),
        # Two of three are carried from the past, one from the future: switch is 0.6 of 4.
        ("ahead of 4", {(i + 1, i) for i in (0, 1, 4, 5)} | {(i, i + 1) for i in (3, 7)} | {
            *((9, 8), (10, 9), (11, 10)),
            (11, 12),
        }),
    ],
)  # fmt: skip
def test_no_flow_is_computed_that_nobody_needs(name: str, pairs: set[tuple[int, int]]) -> None:
    settings = (
        chosen(look_ahead=True, interval=4, switch=0.6) if name == "ahead of 4" else CHOICES[name]
    )
    flow = CountingFlow(settings)
    frames, _ = panning(12, step=(3, 1))
    networks = replace(color_networks(settings), flows=flow)
    sequential(list(frames), networks, settings)
    asked, flow.pairs = flow.pairs, []
    pipelined(list(frames), networks, settings)
    assert len(flow.pairs) == len(set(flow.pairs))
    assert set(flow.pairs) >= set(asked)
    assert set(flow.pairs) <= pairs


def test_a_key_frame_begins_before_the_chain_asks_for_it() -> None:
    """While the network is busy with a key frame, the next one waits in line behind it."""
    frames, _ = panning(11, step=(3, 1))
    settings = CHOICES["plain"]
    keys = ColorKeys()
    networks = replace(color_networks(settings), key=keys)
    drawn = pipelined(list(frames), networks, settings)
    assert keys.calls == [0, 5, 10]
    assert [one.result.index for one in drawn if one.result.is_key] == [0, 5, 10]


def test_maps_of_two_flows_serve_both_directions() -> None:
    settings = CHOICES["two flows, ahead"]
    flow = CountingFlow(settings)
    frames, _ = panning(9, step=(3, 1))
    pipelined(list(frames), replace(color_networks(settings), flows=flow), settings)
    assert len(flow.pairs) == len(set(flow.pairs))


@pytest.mark.parametrize("name", ["plain", "ahead", "adaptive, ahead"])
def test_what_waits_is_bounded_whatever_the_length(name: str) -> None:
    settings = CHOICES[name]
    images = [frame for frame in panning(4, step=(3, 1))[0]]
    frames = Frames(list(itertools.islice(itertools.cycle(images), 120)))
    most = 0
    with Pipeline(settings, workers=1) as pipeline:
        run = pipeline.run(frames, color_networks(settings))
        for drawn in run:
            most = max(most, frames.given - drawn.frame.index)
            if drawn.frame.index < 60:
                time.sleep(0.002)
    # A queue of interval + 2, one of 2, look-ahead's interval, and what is in hands.
    assert most <= 2 * settings.interval + 2 + 2 + 6


def count_threads() -> int:
    return threading.active_count()


def test_a_frame_that_cannot_be_read_is_an_error_after_all_frames_before_it() -> None:
    frames, _ = panning(9, step=(3, 1))

    def before(index: int) -> None:
        if index == 6:
            raise InputError("frame 6 is damaged")

    threads, seen = count_threads(), []
    settings = CHOICES["plain"]

    def use() -> None:
        with Pipeline(settings, workers=2) as pipeline:
            for drawn in pipeline.run(
                Frames(list(frames), before=before), color_networks(settings)
            ):
                seen.append(drawn.frame.index)

    with pytest.raises(InputError, match="frame 6 is damaged"):
        use()
    assert seen == [0, 1, 2, 3, 4, 5]
    assert count_threads() == threads


class Breaking:
    """Raises when it is called the n-th time."""

    def __init__(self, error: BaseException, *, after: int) -> None:
        self._error = error
        self._left = after

    def __call__(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._error


class BreakingKeys(ColorKeys):
    def __init__(self, breaking: Breaking) -> None:
        super().__init__()
        self._breaking = breaking

    def segment(self, frame: Any, request: Any) -> Any:
        self._breaking()
        return super().segment(frame, request)


class BreakingRefiner(ColorRefiner):
    def __init__(self, breaking: Breaking) -> None:
        self._breaking = breaking

    def refine(self, given: RefinerInput) -> torch.Tensor:
        self._breaking()
        return super().refine(given)


class BreakingFlow(CountingFlow):
    def __init__(self, settings: PropagateSettings, breaking: Breaking) -> None:
        super().__init__(settings)
        self._breaking = breaking

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> np.ndarray:
        self._breaking()
        return super().flow(target, source)


@pytest.mark.parametrize("stage", ["key", "refiner", "flows"])
@pytest.mark.parametrize("error", [RuntimeError("out of memory"), InputError("no flow")])
def test_an_error_in_any_stage_comes_out_and_ends_all_threads(stage: str, error: Exception) -> None:
    settings = chosen(mode="evs", refine="last", interval=3)
    networks = color_networks(settings)
    breaking = Breaking(error, after=2)
    broken: dict[str, Any] = {
        "key": BreakingKeys(breaking),
        "refiner": BreakingRefiner(breaking),
        "flows": BreakingFlow(settings, breaking),
    }
    networks = replace(networks, **{stage: broken[stage]})
    images = list(panning(4)[0]) * 30
    threads, frames, seen = count_threads(), Frames(images), []

    def use() -> None:
        with Pipeline(settings, workers=2) as pipeline:
            for drawn in pipeline.run(frames, networks):
                seen.append(drawn.frame.index)

    with pytest.raises(type(error), match=str(error)):
        use()
    assert seen == list(range(len(seen)))
    assert len(seen) < 12
    assert frames.is_closed
    assert frames.given < 40
    assert count_threads() == threads


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError, InputError])
@pytest.mark.parametrize("name", ["plain", "adaptive, ahead", "evs-01"])
def test_a_user_who_leaves_ends_all_threads(name: str, error: type[BaseException]) -> None:
    settings = CHOICES[name]
    frames = Frames(list(panning(4)[0]) * 100)
    threads = count_threads()

    def use() -> None:
        with (
            Pipeline(settings, workers=2) as pipeline,
            closing(pipeline.run(frames, color_networks(settings))) as run,
        ):
            for drawn in run:
                if drawn.frame.index == 7:
                    raise error("enough")

    with pytest.raises(error):
        use()
    assert frames.is_closed
    assert frames.given < 60
    assert count_threads() == threads


def test_threads_end_even_if_the_results_are_left_open() -> None:
    settings = CHOICES["evs-06"]
    frames = Frames(list(panning(4)[0]) * 100)
    threads = count_threads()
    with Pipeline(settings, workers=2) as pipeline:
        run = pipeline.run(frames, color_networks(settings))
        next(run)
    run.close()
    assert count_threads() == threads


def test_a_call_that_is_waited_for_goes_before_those_for_later() -> None:
    thread = NetworkThread(threads=1, clock=PartClock())
    runs, begun, order = threading.Event(), threading.Event(), []
    thread.submit(Part.NETWORK, lambda: (runs.set(), begun.wait()))
    runs.wait()  # else the call would go before this one, too
    later = [thread.submit(Part.NETWORK, lambda i=i: order.append(i)) for i in range(2)]
    waits = threading.Thread(
        target=lambda: thread.call(Part.REFINER, lambda: order.append("refiner"))
    )
    waits.start()
    while thread._tasks.qsize() < 3:
        time.sleep(0.001)
    begun.set()
    waits.join()
    for future in later:
        future.result()
    assert order == ["refiner", 0, 1]
    blocked = threading.Event()
    thread.submit(Part.NETWORK, lambda: blocked.wait(0.05))
    dropped = thread.submit(Part.NETWORK, lambda: order.append("never"))
    thread.shutdown()
    assert dropped.cancelled() or dropped.done()
    with pytest.raises(RuntimeError, match="has ended"):
        thread.submit(Part.NETWORK, lambda: None)


def test_settings_without_their_network_are_refused_before_a_frame_is_read() -> None:
    settings = CHOICES["evs-06"]
    frames = Frames(list(panning(2)[0]))
    with (
        pytest.raises(ConfigError, match="needs a refiner"),
        Pipeline(settings, workers=1) as pipeline,
    ):
        next(pipeline.run(frames, replace(color_networks(settings), refiner=None)))
    assert frames.given == 0


def test_a_clip_that_begins_with_a_missing_frame_is_an_error() -> None:
    settings = CHOICES["plain"]
    frames, _ = panning(3)
    with pytest.raises(InputError, match="no key frame that frame 0"):
        pipelined([None, *frames], color_networks(settings), settings)


def test_time_is_added_up_by_part() -> None:
    settings = chosen(mode="evs", refine="last", interval=4)
    frames, _ = panning(8, step=(3, 1))
    clock = PartClock(keeps_calls=True)
    drawn = pipelined(list(frames), color_networks(settings), settings, clock=clock)
    calls = {part: clock.time_of(part).calls for part in Part}
    assert calls[Part.NETWORK] == 2
    assert calls[Part.REFINER] == 2
    assert calls[Part.FLOW] == 8 + 6
    assert calls[Part.DRAW] == 8
    assert calls[Part.DECODE] == 9
    assert len(clock.time_of(Part.DRAW).seconds_of_call) == 8
    assert all(one.latency > 0 for one in drawn)
    assert set(clock.as_json()) == set(Part) - {Part.WRITE}


def test_a_part_inside_another_counts_for_itself_alone() -> None:
    clock = PartClock()
    with clock.part(Part.WARP), clock.part(Part.WAIT):
        time.sleep(0.05)
    assert clock.time_of(Part.WAIT).wall >= 0.05
    assert clock.time_of(Part.WARP).wall < 0.05


def test_torch_keeps_its_threads() -> None:
    settings = CHOICES["plain"]
    torch.set_num_threads(2)
    with Pipeline(settings, workers=1, network_threads=1) as pipeline:
        list(pipeline.run(Frames(list(panning(6)[0])), color_networks(settings)))
    seen = []
    fresh = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    fresh.start()
    fresh.join()
    assert (torch.get_num_threads(), seen) == (2, [2])


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_networks_go_before_everything_else() -> None:
    settings = CHOICES["plain"]
    nice: dict[str, set[int]] = {"network": set(), "reader": set(), "maps": set()}

    def note(name: str) -> None:
        nice[name].add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    networks = color_networks(settings)
    key, flows = Watched(networks.key, "segment", lambda: note("network")), networks.flows
    assert flows is not None
    watched = replace(networks, key=key, flows=Watched(flows, "flow", lambda: note("maps")))
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with Pipeline(settings, workers=2) as pipeline:
        frames = Frames(list(panning(12)[0]), before=lambda _: note("reader"))
        list(pipeline.run(frames, watched))
    lower = min(before + 5, 19)
    assert nice == {"network": {before}, "reader": {lower}, "maps": {lower}}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_maps_that_were_not_foreseen_are_made_when_asked_for() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from vstc.propagation.frames import prepare_frame, step_maps

    settings = CHOICES["plain"]
    frames, _ = panning(2, step=(3, 1))
    first, second = (prepare_frame(i, frame, settings) for i, frame in enumerate(frames))
    flows = ComputedFlow(settings.flow.make_provider())
    with ThreadPoolExecutor(1) as pool:
        maps = MapsAhead(pool, flows, settings, PartClock())
        made: StepMaps = maps.maps(second, first)
    expected = step_maps(flows, second, first, settings)
    np.testing.assert_array_equal(made.there, expected.there)
