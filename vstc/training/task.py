"""One step's loss: the terms of the papers, each with its weight, from one joint forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vstc.losses.cross_entropy import CITYSCAPES_WEIGHTS, Ohem, segmentation_loss
from vstc.losses.multiframe import MultiFrameLoss
from vstc.losses.pairwise import pairwise_frames_loss
from vstc.losses.singleframe import self_similarity_loss, single_frame_loss
from vstc.losses.temporal import temporal_loss
from vstc.models.segmentation_model import SegmentationModel, SegmentationOutput
from vstc.training.batches import Batch
from vstc.training.settings import TrainSettings

DISTILLED = frozenset({"sf", "pf", "mf"})


@dataclass(frozen=True)
class StepLoss:
    """The loss of one step.

    Attributes:
        total: Weighted sum of the terms, to call ``backward`` on.
        terms: Unweighted value of each term, without gradient.
        weighted: Weighted terms with gradient, by name.
        logits: The student's logits, for gradient norms.
    """

    total: torch.Tensor
    terms: dict[str, torch.Tensor]
    weighted: dict[str, torch.Tensor]
    logits: torch.Tensor


class SegmentationTask(nn.Module):
    """Student, teacher and loss terms of a run.

    Liu et al. 2020, Eq. 3: CE + 0.1 (SF + TL + PF + MF); 2022 without SF. The student sees all
    frames of a batch in one forward pass, with the auxiliary head on labelled frames only.

    Args:
        student: The network that is trained.
        teacher: A frozen network; needed by sf, pf and mf.
        settings: Terms, weights and forms.
    """

    def __init__(
        self,
        student: SegmentationModel,
        teacher: SegmentationModel | None,
        settings: TrainSettings,
    ) -> None:
        super().__init__()
        self.student = student
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


def gradient_norms(loss: StepLoss) -> dict[str, float]:
    """Measure each weighted term's gradient at the logits, so that a dead term is seen.

    A term that acts on features alone (mf) has none there and is left out.
    """
    norms: dict[str, float] = {}
    for name, value in loss.weighted.items():
        if not value.requires_grad:
            continue
        (gradient,) = torch.autograd.grad(value, loss.logits, retain_graph=True, allow_unused=True)
        if gradient is not None:
            norms[name] = float(gradient.norm())
    return norms
