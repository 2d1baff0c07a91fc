"""From image size to the network's grid and back.

A network with output stride 8 has an exact grid for sides 8 k + 1 (`SizeRule`). For other sides:
`pad_to_grid`, run the network, `logits_at_image_size`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from vstc.models.segmentation_model import SegmentationModel, SizeRule


def upsample_logits(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize scores (B, K, h, w) to `size` bilinearly; corner cells stay on corner pixels."""
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=True)


def pad_to_grid(images: torch.Tensor, rule: SizeRule) -> torch.Tensor:
    """Repeat the last column and row until both sides fit the network's grid.

    Args:
        images: Images (B, 3, H, W) of any type.
        rule: The network's `size_rule`.

    Returns:
        Images (B, 3, H', W') with H' >= H and W' >= W; the input itself if it fits.
    """
    for dim in (-2, -1):
        side = images.shape[dim]
        missing = rule.next_side(side) - side
        if missing:
            # Not F.pad: its replicate mode refuses uint8.
            last = images.narrow(dim, side - 1, 1)
            images = torch.cat([images, *[last] * missing], dim=dim)
    return images


def logits_at_image_size(
    logits: torch.Tensor, *, size: tuple[int, int], rule: SizeRule
) -> torch.Tensor:
    """Resize the scores of padded images to the size that the images had before padding.

    Args:
        logits: Scores (B, K, h, w) of the output of `pad_to_grid`.
        size: Size (H, W) before padding.
        rule: The network's `size_rule`.

    Returns:
        Scores (B, K, H, W).
    """
    height, width = size
    padded = (rule.next_side(height), rule.next_side(width))
    return upsample_logits(logits, padded)[..., :height, :width]


class FullSizeLogits(nn.Module):
    """A network for export: images in, scores at image size out, no auxiliary head.

    Args:
        model: The network; its auxiliary head is dropped and it is put in eval mode.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        model.drop_aux_head()
        self.model = model.eval()
        self.rule = model.size_rule

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores (B, K, H, W) of RGB images (B, 3, H, W), uint8 or float, 0..255.

        As ``pad_to_grid`` and ``logits_at_image_size`` do it, but without a branch on the size, so
        that the exported program takes images of any size.
        """
        size = (images.shape[-2], images.shape[-1])
        padded = (self.rule.next_side(size[0]), self.rule.next_side(size[1]))
        for dim, side, padded_side in zip((-2, -1), size, padded, strict=True):
            nearest = torch.arange(padded_side, device=images.device).clamp(max=side - 1)
            images = images.index_select(dim, nearest)
        logits = upsample_logits(self.model(images).logits, padded)
        return F.pad(logits, (0, size[1] - padded[1], 0, size[0] - padded[0]))
