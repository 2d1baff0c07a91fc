"""Open and check ground truth and results of object tracks, before the first mask is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.fingerprint import file_sha256, fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref, read_manifest
from vstc.errors import ConfigError, InputError, unknown_name
from vstc.evaluation.instances.settings import InstanceSettings
from vstc.evaluation.instances.sources import FileTracks, MaskTracks, TrackSource
from vstc.formats.dataset import INDEX
from vstc.formats.objects.id_masks import IdClip, read_id_masks
from vstc.formats.objects.json_stream import JsonFile
from vstc.formats.objects.tracks import Category, Video, shown_size
from vstc.formats.objects.youtube_vis import read_ground_truth, read_results
from vstc.metrics.track_matching import AREA_RANGES, IOU_THRESHOLDS
from vstc.metrics.video_ap import MAX_TRACKS, RECALL_POINTS

OBJECT = Category(id=1, name="object")
MAPS, JSON = "id masks", "youtube-vis"


@dataclass(frozen=True)
class InstancePlan:
    """Everything that is known and checked before the first mask is used.

    Attributes:
        name: Name of the ground truth.
        videos: The videos that are judged, by rising id.
        categories: The classes, by rising id.
        found: What is judged.
        true: The ground truth.
        settings: The settings.
        inputs: What is read.
        protocol: How scores are made, for the record.
    """

    name: str
    videos: tuple[Video, ...]
    categories: tuple[Category, ...]
    found: TrackSource
    true: TrackSource
    settings: InstanceSettings
    inputs: tuple[InputRef, ...]
    protocol: dict[str, Any]

    @property
    def num_frames(self) -> int:
        """Frames of all videos."""
        return sum(video.length for video in self.videos)


@dataclass(frozen=True)
class _Truth:
    """The ground truth: its videos by id, its classes, its tracks, and what kind of input it is."""

    videos: Mapping[int, Video]
    categories: tuple[Category, ...]
    source: TrackSource
    layout: str


def holds_tracks(ground_truth: Path) -> bool:
    """Tell whether ground truth is of object tracks, and not a data set index.

    It is when it is a JSON object or list other than ``dataset.json``, or a folder without one.
    """
    if ground_truth.is_dir():
        return not (ground_truth / INDEX).is_file()
    try:
        first = next(JsonFile(ground_truth).items(), None)
    except InputError:
        return False
    return first is None or first.key != "classes"


def plan_instances(
    results: Path, ground_truth: Path, settings: InstanceSettings | None = None
) -> InstancePlan:
    """Open the inputs of an evaluation of object tracks.

    Both may be a YouTube-VIS JSON file or a folder of id maps (``<video>/<frame>.png``). Videos
    of a folder are numbered from 1 by their names. Maps are matched to frames by name, and
    belong to the one category that there is.

    Args:
        results: What is judged.
        ground_truth: What is right.
        settings: Which videos.

    Raises:
        ConfigError: No video of that name.
        InputError: An input is missing, wrong, or does not fit the other.
    """
    settings = settings or InstanceSettings()
    truth = _open_truth(ground_truth, merge=settings.merge)
    if settings.merge and truth.layout != MAPS and not results.is_dir():
        raise ConfigError("merge joins the objects of id maps, but both inputs are JSON files")
    if results.is_dir():
        clips = {clip.name: clip for clip in read_id_masks(results)}
        videos = _selected(truth.videos, settings, clips if settings.common else None)
        if not (settings.common or settings.videos):
            _refuse_unknown(clips, truth.videos, results)
        _match_maps(videos, clips, results)
        category_id = _only_category(truth.categories, results)
        found: TrackSource = MaskTracks(clips, category_id=category_id, merge=settings.merge)
        layout = MAPS
    else:
        videos = _selected(truth.videos, settings, None)
        file = read_results(results, videos=truth.videos, categories=truth.categories)
        found, layout = FileTracks(file, best_only=True), JSON
    inputs = (_reference("dataset", ground_truth), _reference("predictions", results))
    return InstancePlan(
        name=ground_truth.resolve().stem,
        videos=tuple(videos),
        categories=truth.categories,
        found=found,
        true=truth.source,
        settings=settings,
        inputs=inputs,
        protocol=_protocol(found=layout, true=truth.layout, merge=settings.merge),
    )


def _open_truth(path: Path, *, merge: bool) -> _Truth:
    if not path.is_dir():
        file = read_ground_truth(path)
        source = FileTracks(file, best_only=False)
        return _Truth(file.videos, file.categories, source, JSON)
    clips = read_id_masks(path)
    videos = {
        number: Video(
            id=number,
            name=clip.name,
            height=clip.height,
            width=clip.width,
            length=len(clip),
            file_names=[f"{clip.name}/{frame}.png" for frame in clip.frame_names],
        )
        for number, clip in enumerate(clips, start=1)
    }
    by_name = {clip.name: clip for clip in clips}
    tracks = MaskTracks(by_name, category_id=OBJECT.id, merge=merge)
    return _Truth(videos, (OBJECT,), tracks, MAPS)


def _selected(
    videos: Mapping[int, Video], settings: InstanceSettings, clips: Mapping[str, IdClip] | None
) -> list[Video]:
    """Return the videos to judge; ``clips`` narrows them to those that it holds."""
    labels = [video.label for video in videos.values()]
    for name in settings.videos:
        if name not in labels:
            raise unknown_name("video", name, labels)
    wanted = settings.videos or labels
    chosen = [video for video in videos.values() if video.label in wanted]
    if clips is not None:
        chosen = [video for video in chosen if video.label in clips]
    if not chosen:
        raise ConfigError("no video is left to judge", hint=f"the ground truth has {labels[:5]}")
    return chosen[: settings.limit]


def _refuse_unknown(
    clips: Mapping[str, IdClip], videos: Mapping[int, Video], results: Path
) -> None:
    labels = {video.label for video in videos.values()}
    unknown = [name for name in clips if name not in labels]
    if unknown:
        raise InputError(
            f"{results} has {len(unknown)} videos that the ground truth lacks, "
            f"the first is {unknown[0]}",
            hint="--set common=true judges the videos that both have",
        )


def _match_maps(videos: Sequence[Video], clips: Mapping[str, IdClip], results: Path) -> None:
    """Refuse videos, frames or sizes of the ground truth that the maps do not have."""
    missing = [video.label for video in videos if video.label not in clips]
    if missing:
        raise InputError(
            f"{results} lacks {len(missing)} of {len(videos)} videos, the first is {missing[0]}",
            hint="--set common=true judges the videos that both have",
        )
    for video in videos:
        clip = clips[video.label]
        if not video.frame_names:
            raise InputError(f"the ground truth names no frames of {video.label} to match maps by")
        known = set(clip.frame_names)
        lacking = [name for name in video.frame_names if name not in known]
        if lacking:
            raise InputError(
                f"{results} lacks {len(lacking)} of {video.length} frames of {video.label}, "
                f"the first is {lacking[0]}"
            )
        if (clip.height, clip.width) != (video.height, video.width):
            found, true = (clip.height, clip.width), (video.height, video.width)
            raise InputError(
                f"maps of {video.label} in {results} are {shown_size(found)}, "
                f"the ground truth is {shown_size(true)}",
                hint="make them again at the size of the ground truth",
            )


def _only_category(categories: Sequence[Category], results: Path) -> int:
    if len(categories) != 1:
        raise InputError(
            f"{results} holds id maps, which tell no category, "
            f"but the ground truth has {len(categories)}",
            hint="give results as a YouTube-VIS JSON file",
        )
    return categories[0].id


def _reference(role: str, path: Path) -> InputRef:
    """Refer to an artifact by its manifest, to a file by its content, to a folder by its names."""
    if not path.is_dir():
        return InputRef(role=role, path=str(path), kind="raw", id=file_sha256(path)[:16])
    if (path / MANIFEST).is_file() or (path / "progress.json").is_file():
        if read_manifest(path)["kind"] == "vstc.predictions":
            raise InputError(f"{path} holds maps of classes, not of object ids")
        return input_ref(role, path)
    files = [file.relative_to(path).as_posix() for file in path.rglob("*.png")]
    return InputRef(role=role, path=str(path), kind="raw", id=fingerprint_files(path, files))


def _protocol(*, found: str, true: str, merge: bool) -> dict[str, Any]:
    track = "all ids but 0 together" if merge else "each id but 0"
    maps = {"track": track, "void": "255 beside other ids", "score": 1.0}
    return {
        "metrics": ["video_ap"],
        "video_ap": {
            "rules": "youtube-vis",
            "overlap": "shared by joint pixels of all frames",
            "iou_thresholds": [round(float(value), 2) for value in IOU_THRESHOLDS],
            "recall_points": len(RECALL_POINTS),
            "max_tracks": list(MAX_TRACKS),
            "max_tracks_of": "video and category",
            "area": "mean over the frames that show the track",
            "area_ranges": {name: list(limits) for name, limits in AREA_RANGES.items()},
            "crowd": "ignored",
            "absent_category": "left out",
            "equal_scores": "order of videos, then of tracks",
        },
        "ground_truth": {"layout": true} | (maps if true == MAPS else {}),
        "results": {"layout": found} | (maps if found == MAPS else {}),
    }
