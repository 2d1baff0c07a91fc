"""Settings of tracking."""

from __future__ import annotations

from pydantic import Field

from vstc.config import Settings

NO_FLOW = "none"


class AssociationSettings(Settings):
    """How detections are matched to the objects seen before.

    A pair has the value ``score_weight * log(score) + iou_weight * IoU + location_weight * L -
    class_weight * [classes differ]``. The paper (Liu et al. 2022, section V) names these parts
    and gives no weights; the defaults are ours. Among six sequences of network outputs they are
    as good as their neighbours; no other data was there to choose them on.

    Attributes:
        score_weight: Weight of the logarithm of the score. It decides only which of two
            detections gets an object that both want.
        iou_weight: Weight of the intersection over union of the masks.
        location_weight: Weight of the nearness of the centres.
        class_weight: What another class costs; 10 forbids it.
        new_threshold: A detection is a new object unless its value, without the score, is above
            this for some object. Low on purpose: a mask that jumps still overlaps itself more
            than others.
        carry_frames: For so many frames after it was seen, the place where an object is expected
            moves on with the flow, so that one that was lost for a moment is found beside it. 0
            moves it for the comparison with the next frame only.
        max_age: Forget objects that were not seen for more than so many frames; None never.
    """

    score_weight: float = Field(1.0, ge=0)
    iou_weight: float = Field(2.0, ge=0)
    location_weight: float = Field(0.25, ge=0)
    class_weight: float = Field(10.0, ge=0)
    new_threshold: float = Field(0.02, ge=0)
    carry_frames: int = Field(10, ge=0)
    max_age: int | None = Field(None, ge=1)


class TrackSettings(Settings):
    """Settings of ``vstc instances track``.

    Attributes:
        clips: Ids of the clips to track; empty for all.
        limit: Track the first so many clips only.
        min_score: Leave out detections with a lower score.
        min_area: Leave out detections with fewer pixels; empty ones always.
        flow_method: Method of flow that is computed from the frames, ``none`` for no flow; by
            default the most accurate one where frames are known.
        video: Write a video with coloured objects for each clip.
        association: How detections are matched.
    """

    clips: tuple[str, ...] = ()
    limit: int | None = Field(None, ge=1)
    min_score: float = 0.0
    min_area: int = Field(1, ge=1)
    flow_method: str | None = None
    video: bool = False
    association: AssociationSettings = AssociationSettings()
