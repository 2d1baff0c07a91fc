"""Settings of the evaluation of object tracks."""

from __future__ import annotations

from pydantic import Field

from vstc.config import Settings


class InstanceSettings(Settings):
    """Which videos are judged, and what an object is.

    Attributes:
        videos: Names of the videos; empty for all of the ground truth.
        common: Judge the videos that ground truth and results both have; for folders of id
            masks, where a missing folder is an error otherwise.
        limit: Judge the first so many videos only.
        merge: Take all objects of an id map as one, as DAVIS 2016 does with a rider and a bike.
    """

    videos: tuple[str, ...] = ()
    common: bool = False
    limit: int | None = Field(None, ge=1)
    merge: bool = False
