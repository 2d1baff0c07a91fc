"""Flow of clips for the sequences of trimaps that lie in them: every track of a clip shares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from vstc.artifacts.manifest import InputRef
from vstc.evaluation.flow_plan import PreparedFlow
from vstc.evaluation.flow_sources.source import FORWARD_ONLY, ClipFlow, FlowNeeds, FlowSource
from vstc.formats.dataset import Clip


class FlowOfClips:
    """Opens the flow of the clip that a sequence lies in.

    Args:
        source: Flow of clips.
        clips: The clip of each sequence, by its id.
    """

    def __init__(self, source: FlowSource, clips: Mapping[str, Clip]) -> None:
        self._source = source
        self._clips = clips

    @property
    def is_repeated(self) -> bool:
        """Tell whether the flow of a clip is computed more than once, for each of its tracks."""
        num_clips = len({clip.id for clip in self._clips.values()})
        return num_clips < len(self._clips) and self.describe()["source"] == "computed"

    def prepare(self, workers: int | None) -> None:
        """Compute what a flow cache lacks."""
        if isinstance(self._source, PreparedFlow):
            self._source.prepare(workers)

    def check(self, clips: Sequence[Clip], needs: FlowNeeds = FORWARD_ONLY) -> None:
        """Look whether there is what will be asked for.

        Raises:
            InputError: Something is missing or does not fit.
        """
        self._source.check([self._clips[clip.id] for clip in clips], needs)

    def reference(self) -> InputRef | None:
        """Refer to what is read as an input; None where flow is computed."""
        return self._source.reference()

    def open(self, clip: Clip) -> AbstractContextManager[ClipFlow]:
        """Open the flow of the clip of a sequence."""
        return self._source.open(self._clips[clip.id])

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""
        return self._source.describe()
