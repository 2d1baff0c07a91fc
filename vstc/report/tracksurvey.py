"""What is known of the tracks of a clip after one look at all its frames."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from vstc.formats.objects.store import InstanceArchive, InstanceClip
from vstc.report.timelines import ranges_of


@dataclass
class TrackSurvey:
    """What is seen of a track.

    Attributes:
        track: Its number.
        category: Name of the class that it has in most frames.
        places: Frames in which it is visible.
        areas: Its pixels in these frames.
        mean_score: Mean of its scores in these frames.
    """

    track: int
    category: str = ""
    places: list[int] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)
    mean_score: float = 0.0

    @property
    def name(self) -> str:
        """Number and class."""
        return f"{self.track} {self.category}".strip()

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The stretches of frames in which it is visible."""
        return ranges_of(self.places)


@dataclass(frozen=True)
class ClipSurvey:
    """What is seen of a clip.

    Attributes:
        clip: The clip.
        tracks: Its tracks, the one that comes first first.
        objects: Visible objects of every frame.
    """

    clip: InstanceClip
    tracks: tuple[TrackSurvey, ...]
    objects: tuple[int, ...]

    @property
    def num_pixels(self) -> int:
        """Pixels of a frame."""
        return self.clip.height * self.clip.width


def survey_clip(archive: InstanceArchive, clip: InstanceClip) -> ClipSurvey:
    """Read the masks of a clip once, without decoding them.

    Raises:
        InputError: The file of the clip is missing or damaged.
    """
    names = {category.id: category.name for category in archive.categories}
    tracks: dict[int, TrackSurvey] = {}
    categories: dict[int, Counter[int]] = {}
    scores: dict[int, float] = {}
    objects = []
    for frame in archive.frames(clip.id):
        visible = [(mask, area) for mask in frame.instances if (area := mask.rle.area)]
        objects.append(len(visible))
        for mask, area in visible:
            track = tracks.setdefault(mask.track, TrackSurvey(mask.track))
            track.places.append(frame.index)
            track.areas.append(area)
            categories.setdefault(mask.track, Counter())[mask.category_id] += 1
            scores[mask.track] = scores.get(mask.track, 0.0) + mask.score
    for number, track in tracks.items():
        (category, _), *_ = categories[number].most_common(1)
        track.category = names.get(category, str(category))
        track.mean_score = scores[number] / len(track.places)
    ordered = sorted(tracks.values(), key=lambda track: (track.places[0], track.track))
    return ClipSurvey(clip, tuple(ordered), tuple(objects))
