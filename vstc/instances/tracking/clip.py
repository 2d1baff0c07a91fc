"""Track one clip: masks in, masks with lasting numbers out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from vstc.errors import InputError
from vstc.formats.objects.store import ClipWriter, FrameInstances, InstanceClip, InstanceMask
from vstc.formats.video.files import VideoWriter
from vstc.instances.tracking.feed import FedFrame, FrameFeed
from vstc.instances.tracking.identity import IdentityCounter, NumberedMask
from vstc.instances.tracking.overlay import draw_tracks
from vstc.instances.tracking.plan import TrackPlan
from vstc.instances.tracking.track_table import TrackTable
from vstc.instances.tracking.tracker import Detection, Tracker

DEFAULT_FPS = 25.0


class ClipTracking:
    """Tracks a clip and writes its masks, and on request a video.

    Args:
        plan: What is tracked.
        clip: The clip.
        folder: The artifact.
    """

    def __init__(self, plan: TrackPlan, clip: InstanceClip, folder: Path) -> None:
        self._plan = plan
        self._clip = clip
        self._folder = folder
        self._settings = plan.settings
        self._tracker = Tracker(
            height=clip.height, width=clip.width, settings=plan.settings.association
        )
        self._table = TrackTable()
        self._identity = None if plan.truth is None else IdentityCounter()
        self._detections = self._empty = self._left_out = self._with_flow = 0

    def run(self, pool: Executor, *, ahead: int, on_frame: Callable[[], None]) -> dict[str, Any]:
        """Track all frames.

        Args:
            pool: Makes flow.
            ahead: How many frames may be in work.
            on_frame: Called after each frame.

        Returns:
            The record of the clip: counts, and a row for each object.

        Raises:
            InputError: A mask, picture or flow is damaged.
            OutputError: The disk is full.
        """
        truth = self._true_frames()
        with ExitStack() as stack:
            writer = stack.enter_context(ClipWriter(self._folder, self._clip))
            video = self._open_video(stack)
            for fed in self._feed(pool, ahead):
                tracked = self._step(fed)
                writer.write(tracked)
                self._table.add(tracked)
                if self._identity is not None:
                    self._identity.step(_numbered(tracked), _numbered(next(truth)))
                if video is not None:
                    size = (self._clip.height, self._clip.width)
                    video.write(draw_tracks(fed.picture, tracked.instances, size=size))
                on_frame()
        return self._record()

    def _feed(self, pool: Executor, ahead: int) -> Iterator[FedFrame]:
        plan, clip = self._plan, self._clip
        nothing = [None] * len(clip.frame_names)
        feed = FrameFeed(
            clip,
            pictures=nothing if plan.pictures is None else plan.pictures.of_clip(clip),
            motion=plan.motion,
            keeps_pictures=self._settings.video,
            pool=pool,
            ahead=ahead,
        )
        return feed.frames(plan.archive.frames(clip.id))

    def _step(self, fed: FedFrame) -> FrameInstances:
        masks = self._kept(fed.instances.instances)
        self._with_flow += fed.flow_next_to_prev is not None
        detections = [Detection(mask.rle, mask.score, mask.category_id) for mask in masks]
        numbers = self._tracker.step(detections, fed.flow_next_to_prev)
        tracked = [
            replace(mask, track=number)
            for mask, number in zip(masks, numbers, strict=True)
            if number is not None
        ]
        tracked.sort(key=lambda mask: mask.track)
        return replace(fed.instances, instances=tuple(tracked))

    def _kept(self, masks: Sequence[InstanceMask]) -> list[InstanceMask]:
        shown = [mask for mask in masks if mask.rle.area]
        given = self._settings
        kept = [
            mask
            for mask in shown
            if mask.score >= given.min_score and mask.rle.area >= given.min_area
        ]
        self._detections += len(kept)
        self._empty += len(masks) - len(shown)
        self._left_out += len(shown) - len(kept)
        return kept

    def _open_video(self, stack: ExitStack) -> VideoWriter | None:
        clip = self._clip
        if not (self._settings.video and clip.frame_names):
            return None
        size = (clip.height, clip.width)
        path = self._folder / video_file(clip.id)
        return stack.enter_context(VideoWriter(path, fps=clip.fps or DEFAULT_FPS, size=size))

    def _true_frames(self) -> Iterator[FrameInstances]:
        """Yield the true masks frame by frame; none where the truth lacks the frame."""
        truth = self._plan.truth
        if truth is None:
            return
        known = set(truth.clip(self._clip.id).frame_names) & set(self._clip.frame_names)
        frames = (frame for frame in truth.frames(self._clip.id) if frame.name in known)
        for index, name in enumerate(self._clip.frame_names):
            frame = next(frames) if name in known else FrameInstances(index, name, ())
            if frame.name != name:
                raise InputError(
                    f"{truth.folder} has frame {frame.name} of clip {self._clip.id} where the "
                    f"masks have {name}: another order"
                )
            yield frame

    def _record(self) -> dict[str, Any]:
        record = {
            "clip": self._clip.id,
            "frames": len(self._clip.frame_names),
            "frames_with_flow": self._with_flow,
            "detections": self._detections,
            "empty": self._empty,
            "left_out": self._left_out,
            "tracks": [row.as_json() for row in self._table.rows()],
        }
        if self._identity is not None:
            record["identity"] = self._identity.result().as_json()
        return record


def video_file(clip_id: str) -> str:
    """Return where the video of a clip lies in the artifact."""
    return f"video/{clip_id}.mp4"


def _numbered(frame: FrameInstances) -> list[NumberedMask]:
    return [NumberedMask(mask.track, mask.rle) for mask in frame.instances]
