"""Computed flow that is kept as a flow artifact, so that the next evaluation only reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vstc.artifacts.manifest import MANIFEST, InputRef
from vstc.artifacts.workspace import PROGRESS, check_output, open_artifact
from vstc.errors import OutputError
from vstc.evaluation.flow_sources.source import FORWARD_ONLY, FlowNeeds
from vstc.evaluation.flow_sources.stored import StoredFlow
from vstc.flow.precompute import precompute_flow
from vstc.flow.settings import PrecomputeSettings
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.flow.hdf5 import KIND, flow_path
from vstc.options import ExistingOutput

_HINT = "give --flow-cache another folder"


class FlowCache:
    """A flow artifact that gets the clips it lacks.

    The folder is new or empty, or an artifact of ``vstc flow precompute`` (finished or not) of
    the same data set, whole frames, method and parameters. It keeps flow in steps of 1/64 px, and
    what is evaluated is always what was read back: the first run and later ones agree.

    Args:
        folder: The artifact.
        dataset: Where the frames are.
        reference: The data set as an input.
        method: Name in the catalog of flow methods.
        params: Parameters of the method that differ from its own.
    """

    def __init__(
        self,
        folder: Path,
        dataset: Dataset,
        *,
        reference: InputRef,
        method: str,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self._dataset = dataset
        self._reference = reference
        self._wanted = PrecomputeSettings(method=method, params=dict(params or {}))
        self._provider = self._wanted.make_provider()

    def missing(self, clips: Sequence[Clip], needs: FlowNeeds = FORWARD_ONLY) -> list[Clip]:
        """List the clips whose flow is still to be computed; nothing is written.

        Raises:
            OutputError: The folder holds something else.
        """
        settings = self._settings(needs)
        self._check_output(settings)
        missing = [clip for clip in clips if not flow_path(self.folder, clip.id).is_file()]
        if missing and (settings.split or settings.limit):
            raise OutputError(
                f"flow cache: {self.folder} was made for some clips and lacks {missing[0].id}",
                hint=_HINT,
            )
        return missing

    def fill(
        self,
        clips: Sequence[Clip],
        needs: FlowNeeds = FORWARD_ONLY,
        *,
        workers: int | None = None,
        on_fields: Callable[[int], None] | None = None,
    ) -> StoredFlow:
        """Compute what is missing, then open the artifact; a killed run goes on where it was.

        Args:
            clips: Clips whose frames follow one another.
            needs: What will be asked for.
            workers: Threads; None is one per core.
            on_fields: Told how many more flow fields are finished, those that are there already
                included; there are ``num_fields`` in all.

        Raises:
            InputError: A frame is unreadable, or the stored flow does not fit the clips.
            OutputError: The folder holds something else, is in use, or the disk is full.
        """
        settings = self._settings(needs)
        if self.missing(clips, needs) or not (self.folder / MANIFEST).is_file():
            self._compute(clips, settings, workers=workers, on_fields=on_fields)
        elif on_fields is not None:
            on_fields(self.num_fields(clips, needs))
        stored = StoredFlow(self.folder)
        stored.check(clips, needs)
        return stored

    def num_fields(self, clips: Sequence[Clip], needs: FlowNeeds = FORWARD_ONLY) -> int:
        """Count the flow fields of some clips."""
        plan = self._settings(needs).make_plan(workers=None)
        return sum(plan.num_fields(clip) for clip in clips)

    def _compute(
        self,
        clips: Sequence[Clip],
        settings: PrecomputeSettings,
        *,
        workers: int | None,
        on_fields: Callable[[int], None] | None,
    ) -> None:
        with open_artifact(
            self.folder,
            kind=KIND,
            config=settings.as_json(),
            inputs=[self._reference],
            existing=ExistingOutput.RESUME,
        ) as workspace:
            if workspace.is_complete:
                # It gets more clips: until they are all there it is not complete.
                os.replace(self.folder / MANIFEST, self.folder / PROGRESS)
            done = precompute_flow(
                self._dataset,
                clips,
                self._provider,
                folder=self.folder,
                plan=settings.make_plan(workers=workers),
                on_fields=on_fields,
            )
            workspace.finish(
                metrics={
                    "clips_computed": len(done.computed),
                    "clips_kept": len(done.kept),
                    "fields": done.num_fields,
                    "saturated_values": done.saturated_values,
                }
            )

    def _settings(self, needs: FlowNeeds) -> PrecomputeSettings:
        """Return what is wanted, in the form of what the folder holds where that serves too.

        More directions or distances than are needed serve, and so does a part of the clips.
        """
        wanted = self._wanted.model_copy(update={"directions": needs.directions})
        held = self._held_settings()
        if held is None:
            return wanted
        taken = {"compression", "include_sparse", "split", "limit"}
        if set(needs.directions) <= set(held.directions):
            taken.add("directions")
        if 1 in held.gaps:
            taken.add("gaps")
        return wanted.model_copy(update={name: getattr(held, name) for name in taken})

    def _held_settings(self) -> PrecomputeSettings | None:
        for name in (MANIFEST, PROGRESS):
            path = self.folder / name
            if not path.is_file():
                continue
            try:
                held = json.loads(path.read_text(encoding="utf-8"))
                return PrecomputeSettings.model_validate(held["config"])
            except (OSError, ValueError, KeyError, TypeError, ValidationError):
                # Another kind of artifact, or a damaged one: the check of the output says so.
                return None
        return None

    def _check_output(self, settings: PrecomputeSettings) -> None:
        try:
            check_output(
                self.folder,
                kind=KIND,
                config=settings.as_json(),
                inputs=[self._reference],
                existing=ExistingOutput.RESUME,
            )
        except OutputError as error:
            raise OutputError(f"flow cache: {error.message}", hint=_HINT) from error
