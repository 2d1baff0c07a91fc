"""The loss of a refiner: its own result, the fused one, and once more where propagation is doubted.

Paul et al. 2020 do not say how their refiner is trained. These terms are those with which Zhuang
et al. 2021 (DAVSS) train the network that corrects their propagated predictions: CE(refined) +
CE(fused) + mean(CE(refined) * attention).

Shapes: B images, K classes, h x w the pixels that are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vstc.losses.precision import full_precision

SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class RefinementTerms:
    """Scalars, each 0 where no pixel has a label.

    Attributes:
        refiner: Cross entropy of the refiner's own result.
        refined: Cross entropy of the fused result.
        attention: Cross entropy of the refiner's own result, a pixel weighing 1 + gain * M.
        aux: Sum of the cross entropies of the auxiliary heads.
    """

    refiner: torch.Tensor
    refined: torch.Tensor
    attention: torch.Tensor
    aux: torch.Tensor


def fuse(
    warped_BKhw: torch.Tensor, refined_BKhw: torch.Tensor, inconsistency_B1hw: torch.Tensor
) -> torch.Tensor:
    """Return M * P_refiner + (1 - M) * P_warped (Paul et al. 2020, Eq. 4)."""
    return inconsistency_B1hw * refined_BKhw + (1 - inconsistency_B1hw) * warped_BKhw


@full_precision
def refinement_terms(
    logits_BKhw: torch.Tensor,
    fused_BKhw: torch.Tensor,
    inconsistency_B1hw: torch.Tensor,
    labels_Bhw: torch.Tensor,
    *,
    aux_logits: Sequence[torch.Tensor] = (),
    gain: float = 4.0,
    ignore_index: int = 255,
) -> RefinementTerms:
    """Compare a refiner's results with labels.

    Args:
        logits_BKhw: Class scores of the refiner.
        fused_BKhw: Class probabilities after `fuse`.
        inconsistency_B1hw: M, 0..1.
        labels_Bhw: Class ids.
        aux_logits: Class scores (B, K, h, w) of each auxiliary head.
        gain: How much more a pixel weighs where M is 1.
        ignore_index: Label of pixels without a class.
    """
    labels = labels_Bhw.long()
    count = (labels != ignore_index).sum().clamp(min=1)

    def entropy_of(logits: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction="none")

    own = entropy_of(logits_BKhw)
    log_fused = fused_BKhw.clamp(min=SMALLEST_PROBABILITY).log()
    fused = F.nll_loss(log_fused, labels, ignore_index=ignore_index, reduction="sum")
    aux = [entropy_of(logits).sum() for logits in aux_logits] or [own.new_zeros(())]
    return RefinementTerms(
        refiner=own.sum() / count,
        refined=fused / count,
        attention=(own * (1 + gain * inconsistency_B1hw[:, 0])).sum() / count,
        aux=torch.stack(aux).sum() / count,
    )
