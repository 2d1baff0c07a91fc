"""Multi-frame dependency (MF): a recurrent summary of a sequence, student like teacher.

Each frame's features become a map of cosine self-similarities, N x N; a small ConvLSTM, shared by
teacher and student, reads the maps in order; the last states of both are compared (Liu et al. 2020,
section 3.3).

As printed, the loss collapses: trained with the student, the ConvLSTM learns to ignore its input.
The paper therefore clips its weights and "enlarges E^T" without a formula. Here: clip to +-0.1, and
add 0.1 mean(1 - c^T), the only trace of the latter in the released code. A frozen random ConvLSTM
keeps all information and needs neither (`lstm="frozen"`).

Shapes: B batch, C channels, h x w the grid of the features, N pooled pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from vstc.errors import ConfigError, unknown_name
from vstc.losses.convlstm import ConvLSTMCell
from vstc.losses.gram import vector_lengths
from vstc.losses.precision import full_precision

MultiFrameEmbedding = Literal["h", "hc"]
MultiFrameReduction = Literal["sum", "mean"]
MultiFrameTraining = Literal["joint", "frozen"]


@dataclass(frozen=True)
class MultiFrameTerms:
    """The two parts of the multi-frame loss.

    Args:
        loss: Distance of the embeddings, a scalar; the weight of the term applies to it.
        guard: The guard against collapse, a scalar that already holds its factor; add it as it is.
    """

    loss: torch.Tensor
    guard: torch.Tensor


def pool_features(features_BChw: torch.Tensor, *, pool: str = "adaptive:6") -> torch.Tensor:
    """Average features to the few nodes whose similarities are compared.

    Args:
        features_BChw: Features of one frame.
        pool: `adaptive:6` gives 6 x 6 nodes for any crop; `kernel:16` is the released code's
            window, 6 x 6 at 97 x 97 but only 1 x 2 at 31 x 41.

    Raises:
        ConfigError: A pool that cannot be read or is larger than the features.
    """
    name, _, number = pool.partition(":")
    if name not in ("adaptive", "kernel"):
        raise unknown_name("multi-frame pool", pool, ("adaptive:6", "kernel:16"))
    if not number.isdecimal() or int(number) == 0:
        raise ConfigError(f"multi-frame pool without a size: {pool}", hint="write adaptive:6")
    if name == "adaptive":
        return F.adaptive_avg_pool2d(features_BChw, int(number))
    if int(number) > min(features_BChw.shape[-2:]):
        raise ConfigError(
            f"multi-frame pool {pool} is larger than the features "
            f"{features_BChw.shape[-2]}x{features_BChw.shape[-1]}",
            hint="use adaptive:6, which works for any crop",
        )
    return F.avg_pool2d(features_BChw, int(number))


def self_similarity(features_BChw: torch.Tensor, *, eps: float = 1e-6) -> torch.Tensor:
    """Return the cosines between all pixels of a frame as a map, shape (B, 1, N, N)."""
    vectors_BCN = features_BChw.flatten(2)
    unit_BCN = vectors_BCN / vector_lengths(vectors_BCN, eps=eps)
    return torch.bmm(unit_BCN.transpose(1, 2), unit_BCN)[:, None]


class MultiFrameLoss(nn.Module):
    """The multi-frame loss with its ConvLSTM.

    Its parameters belong to the optimizer of the student if `lstm="joint"`; call `clip_weights`
    after each step.

    Args:
        pool: See `pool_features`.
        embedding: Compare the last hidden state `h` (the paper) or hidden and cell `hc` (the code).
        reduction: `sum` over the embedding, mean over the batch (the paper's squared norm), or
            `mean` over everything (the code).
        lstm: Train the ConvLSTM with the student, or leave it frozen and random.
        clip: Bound of the weights in `joint`; 0 does not clip.
        enlarge: Factor of the guard mean(1 - c^T) in `joint`, which feeds the ConvLSTM only.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        *,
        pool: str = "adaptive:6",
        embedding: MultiFrameEmbedding = "hc",
        reduction: MultiFrameReduction = "sum",
        lstm: MultiFrameTraining = "joint",
        clip: float = 0.1,
        enlarge: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if embedding not in ("h", "hc"):
            raise unknown_name("multi-frame embedding", embedding, ("h", "hc"))
        if reduction not in ("sum", "mean"):
            raise unknown_name("multi-frame reduction", reduction, ("sum", "mean"))
        if lstm not in ("joint", "frozen"):
            raise unknown_name("multi-frame lstm", lstm, ("joint", "frozen"))
        self.pool = pool
        self.embedding = embedding
        self.reduction = reduction
        self.is_joint = lstm == "joint"
        self.clip = clip
        self.enlarge = enlarge
        self.cell = ConvLSTMCell(generator=generator)
        self.cell.requires_grad_(self.is_joint)
        self.clip_weights()

    @torch.no_grad()
    def clip_weights(self) -> None:
        """Clamp all weights of a jointly trained ConvLSTM to [-clip, clip]."""
        if self.is_joint and self.clip > 0:
            for parameter in self.cell.parameters():
                parameter.clamp_(-self.clip, self.clip)

    def embed(self, features: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last (hidden, cell), each (B, 4, N, N), of a sequence of features.

        Args:
            features: One tensor (B, C, h, w) per frame, in time order.
        """
        if not features:
            raise ValueError("a sequence of at least one frame is needed")
        state: tuple[torch.Tensor, torch.Tensor] | None = None
        for features_BChw in features:
            # Pooling first leaves N = 36 instead of 9409 pixels to normalise and to multiply.
            pooled = pool_features(features_BChw, pool=self.pool)
            state = self.cell(self_similarity(pooled), state)
        assert state is not None
        return state

    @full_precision
    def forward(
        self, student_features: list[torch.Tensor], teacher_features: list[torch.Tensor]
    ) -> MultiFrameTerms:
        """Compare two sequences of features.

        Args:
            student_features: One tensor (B, C, h, w) per frame, in time order (before the labelled
                frame, labelled, after).
            teacher_features: The teacher's for the same frames; channels and grid may differ.
                Constant.
        """
        if len(student_features) != len(teacher_features):
            raise ValueError(
                f"{len(student_features)} student frames, {len(teacher_features)} teacher frames"
            )
        student = self.embed(student_features)
        teacher = self.embed([features.detach() for features in teacher_features])
        if student[0].shape != teacher[0].shape:
            raise ConfigError(
                f"multi-frame pool {self.pool} gives {student[0].shape[-1]} nodes for the student "
                f"and {teacher[0].shape[-1]} for the teacher",
                hint="use adaptive:6, which gives the same nodes for any grid",
            )
        states = 1 if self.embedding == "h" else 2
        loss = student[0].new_zeros(())
        for student_state, teacher_state in zip(student[:states], teacher[:states], strict=True):
            squared = (student_state - teacher_state).square()
            loss = loss + (
                squared.mean() if self.reduction == "mean" else squared.sum() / squared.shape[0]
            )
        if not self.is_joint:
            return MultiFrameTerms(loss=loss, guard=loss.new_zeros(()))
        return MultiFrameTerms(loss=loss, guard=self.enlarge * (1 - teacher[1]).mean())
