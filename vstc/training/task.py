"""One step's loss: the terms of the papers, each with its weight, from one joint forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from vstc.inference.checkpoint import SCHEMA, ClassTable, describe_network
from vstc.losses.cross_entropy import CITYSCAPES_WEIGHTS, Ohem, segmentation_loss
from vstc.losses.multiframe import MultiFrameLoss
from vstc.losses.pairwise import pairwise_frames_loss
from vstc.losses.singleframe import self_similarity_loss, single_frame_loss
from vstc.losses.temporal import temporal_loss
from vstc.models.segmentation_model import SegmentationModel, SegmentationOutput
from vstc.training.batches import Batch
from vstc.training.settings import TrainSettings
from vstc.training.step import ParameterGroup, StepLoss, TrainingTask

DISTILLED = frozenset({"sf", "pf", "mf"})


class SegmentationTask(TrainingTask):
    """Student, teacher and loss terms of a run.

    Liu et al. 2020, Eq. 3: CE + 0.1 (SF + TL + PF + MF); 2022 without SF. The student sees all
    frames of a batch in one forward pass, with the auxiliary head on labelled frames only.

    Args:
        student: The network that is trained.
        teacher: A frozen network; needed by sf, pf and mf.
        settings: Terms, weights and forms.
        table: Classes, for the checkpoints.
    """

    schema = SCHEMA

    def __init__(
        self,
        student: SegmentationModel,
        teacher: SegmentationModel | None,
        settings: TrainSettings,
        *,
        table: ClassTable,
    ) -> None:
        super().__init__()
        self.student = student
        self.table = table
        self.settings = settings
        self.multi_frame = make_multi_frame_loss(settings) if "mf" in settings.terms else None
        # Kept out of the module tree: the teacher is not trained, saved or moved with it.
        self._teacher = [teacher.eval().requires_grad_(False)] if teacher is not None else []
        threshold_kept = settings.ohem.split(":") if settings.ohem else None
        self._ohem = (
            Ohem(float(threshold_kept[0]), int(threshold_kept[1])) if threshold_kept else None
        )

    def forward(self, batch: Batch) -> StepLoss:
        """Compute the loss of a batch."""
        settings = self.settings
        output = self._run_student(batch)
        teacher = self._run_teacher(batch)
        weighted: dict[str, torch.Tensor] = {}
        terms: dict[str, torch.Tensor] = {}
        for name in settings.terms:
            value = self._term(name, batch, output, teacher)
            if value is None:
                continue
            terms[name] = value.detach()
            weighted[name] = value * getattr(settings.weights, name)
        # A batch may hold nothing for any term: no neighbours for tl alone, for instance.
        parts = list(weighted.values()) or [output.logits.sum() * 0]
        total = torch.stack(parts).sum()
        return StepLoss(total, terms, weighted, output.logits)

    @property
    def trained(self) -> SegmentationModel:
        """The student."""
        return self.student

    @property
    def beside(self) -> Mapping[str, nn.Module]:
        """The ConvLSTM, where there is one."""
        return {} if self.multi_frame is None else {"multi_frame": self.multi_frame}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the backbone at the base rate, the heads at 10x, the ConvLSTM at the base rate."""
        extra = [] if self.multi_frame is None else list(self.multi_frame.parameters())
        return [
            ParameterGroup(list(self.student.backbone_parameters()), 1.0),
            ParameterGroup(list(self.student.head_parameters()), self.settings.head_lr),
            ParameterGroup([p for p in extra if p.requires_grad], 1.0),
        ]

    def describe(self) -> dict[str, Any]:
        """Return the student's architecture, classes and input scale."""
        described = describe_network(self.student, self.table, self.settings.input_scale)
        return {"network": described}

    def after_step(self) -> None:
        """Do what must follow an optimizer step: bound the ConvLSTM's weights."""
        if self.multi_frame is not None:
            self.multi_frame.clip_weights()

    def _run_student(self, batch: Batch) -> SegmentationOutput:
        anchors = batch.num_anchors
        neighbours = batch.images_B3HW.shape[0] - anchors
        # Batch statistics of the pyramid's 1 x 1 level need two frames.
        if self.settings.bn_batches == "joint" or neighbours < 2:
            return run_model(self.student, batch.images_B3HW, num_aux=anchors)
        first = run_model(self.student, batch.images_B3HW[:anchors], num_aux=anchors)
        rest = run_model(self.student, batch.images_B3HW[anchors:], num_aux=0)
        return SegmentationOutput(
            logits=torch.cat([first.logits, rest.logits]),
            aux_logits=first.aux_logits,
            features=torch.cat([first.features, rest.features]),
        )

    def _run_teacher(self, batch: Batch) -> SegmentationOutput | None:
        if not self._teacher or not DISTILLED & set(self.settings.terms):
            return None
        with torch.no_grad():
            return run_model(self._teacher[0], batch.images_B3HW)

    def _term(
        self,
        name: str,
        batch: Batch,
        output: SegmentationOutput,
        teacher: SegmentationOutput | None,
    ) -> torch.Tensor | None:
        if name == "ce":
            return self._cross_entropy(batch, output)
        if name == "tl":
            return self._temporal(batch, output)
        if teacher is None:
            return None
        if name == "pf":
            return self._pairwise(batch, output, teacher)
        if name == "mf":
            return self._multi_frame(batch, output, teacher)
        return self._single_frame(output, teacher)

    def _cross_entropy(self, batch: Batch, output: SegmentationOutput) -> torch.Tensor:
        weights = CITYSCAPES_WEIGHTS if self.settings.class_weights == "cityscapes" else None
        aux_weight, own_weights = self.settings.aux_weight, self.student.aux_weights
        return segmentation_loss(
            output.logits[: batch.num_anchors],
            output.aux_logits,
            batch.labels_AHW,
            aux_weights=own_weights if aux_weight is None else [aux_weight] * len(own_weights),
            on_own_grid=self.student.trains_on_own_grid,
            class_weights=weights,
            ohem=self._ohem,
        )

    def _temporal(self, batch: Batch, output: SegmentationOutput) -> torch.Tensor | None:
        if batch.flow_P2HW is None:
            return None
        anchors, others = (list(rows) for rows in zip(*batch.flow_pairs, strict=True))
        tl = self.settings.tl
        return temporal_loss(
            output.logits[anchors],
            output.logits[others],
            batch.flow_P2HW,
            batch.images_B3HW[anchors].float(),
            batch.images_B3HW[others].float(),
            form=tl.form,
            mask=tl.mask,
            border=tl.border,
            valid_BHW=batch.valid_PHW if tl.border == "ignore" else None,
            flow_other_to_t_B2HW=batch.flow_back_P2HW,
            stride=tl.stride,
        )

    def _pairwise(
        self, batch: Batch, output: SegmentationOutput, teacher: SegmentationOutput
    ) -> torch.Tensor | None:
        if not batch.pairs:
            return None
        anchors, others = (list(rows) for rows in zip(*batch.pairs, strict=True))
        return pairwise_frames_loss(
            output.logits[anchors],
            output.logits[others],
            teacher.logits[anchors],
            teacher.logits[others],
            quantity=self.settings.pf.quantity,
            norm=self.settings.pf.norm,
        )

    def _multi_frame(
        self, batch: Batch, output: SegmentationOutput, teacher: SegmentationOutput
    ) -> torch.Tensor | None:
        if self.multi_frame is None or not batch.sequences:
            return None
        total = output.logits.new_zeros(())
        for length in sorted({len(rows) for rows in batch.sequences}):
            group = [rows for rows in batch.sequences if len(rows) == length]
            by_time = [list(rows) for rows in zip(*group, strict=True)]
            terms = self.multi_frame(
                [output.features[rows] for rows in by_time],
                [teacher.features[rows] for rows in by_time],
            )
            total = total + (terms.loss + terms.guard) * len(group) / len(batch.sequences)
        return total

    def _single_frame(
        self, output: SegmentationOutput, teacher: SegmentationOutput
    ) -> torch.Tensor:
        form, is_paired = self.settings.sf.form, self.settings.sf.form == "kd+pa"
        loss = single_frame_loss(
            output.logits,
            teacher.logits,
            form="kd" if form == "kd+pa" else form,
            reduction=self.settings.sf.reduce,
        )
        if is_paired:
            loss = loss + self_similarity_loss(output.features, teacher.features)
        return loss


def run_model(
    model: SegmentationModel, images: torch.Tensor, *, num_aux: int | None = None
) -> SegmentationOutput:
    """Call a network; ``Module.__call__`` has no types."""
    output: SegmentationOutput = model(images, num_aux=num_aux)
    return output


def make_multi_frame_loss(settings: TrainSettings) -> MultiFrameLoss:
    """Build the multi-frame loss with weights that depend on the seed alone."""
    mf = settings.mf
    return MultiFrameLoss(
        pool=mf.pool,
        embedding=mf.embed,
        reduction=mf.reduce,
        lstm=mf.lstm,
        clip=mf.clip,
        enlarge=mf.enlarge,
        generator=torch.Generator().manual_seed(settings.seed),
    )
