"""ICNet (Zhao et al. 2018): an image cascade, real-time at 2048 x 1024.

The released Caffe network, rebuilt: half of ResNet50's widths, a branch at half size whose
`conv3_1` is halved again for the deep layers, and a branch of three layers at full size.
"""

from __future__ import annotations

import torch
from torch import nn

from vstc.models.icnet_parts import CONTEXT_CHANNELS, FUSED_CHANNELS, ICNetParts
from vstc.models.pixels import CAFFE_BGR
from vstc.models.resnet import initialize_convolutions
from vstc.models.segmentation_model import SegmentationModel, SegmentationOutput, SizeRule


class ICNet(ICNetParts, SegmentationModel):
    """ICNet with its two auxiliary classifiers, at output stride 4.

    Zhao et al. 2018 weigh the losses at 1/16, 1/8 and 1/4 with 0.16, 0.4 and 1, each against
    labels picked at its own resolution. The auxiliary classifiers read the enlarged inputs of
    the two feature fusions.

    Args:
        name: Name in the catalog.
        num_classes: Number of classes.

    Attributes:
        aux: `sub4_out` at 1/16 and `sub24_out` at 1/8; None once they are dropped.
    """

    output_stride = 4
    size_rule = SizeRule(multiple=32, offset=1)
    # The backbone is a pruned PSPNet50; these are new to it.
    head_names = (
        "conv5_4_k1",
        "conv_sub4",
        "conv3_1_sub2_proj",
        "conv_sub2",
        "conv1_sub1",
        "conv2_sub1",
        "conv3_sub1",
        "conv3_sub1_proj",
        "conv6_cls",
        "aux",
    )
    aux_weights = (0.16, 0.4)
    trains_on_own_grid = True
    context_tap = "conv_sub4"

    aux: nn.ModuleDict | None

    def __init__(self, *, name: str, num_classes: int) -> None:
        super().__init__(name=name, num_classes=num_classes, convention=CAFFE_BGR)
        self.add_trunk()
        self.add_context()
        self.add_context_fusion()
        self.add_detail_fusion()
        # Before the classifiers, which keep torch's smaller default values.
        initialize_convolutions(self)
        self.add_classifier(num_classes)
        self.aux = nn.ModuleDict(
            {
                "sub4_out": nn.Conv2d(CONTEXT_CHANNELS, num_classes, kernel_size=1),
                "sub24_out": nn.Conv2d(FUSED_CHANNELS, num_classes, kernel_size=1),
            }
        )

    def forward(self, images: torch.Tensor, *, num_aux: int | None = None) -> SegmentationOutput:
        """Return class scores at stride 4.

        Args:
            images: RGB (B, 3, H, W), uint8 or float, 0..255.
            num_aux: In training mode, run the auxiliary classifiers on the first `num_aux`
                images only; None means all. In eval mode they never run.

        Returns:
            Logits (B, K, h, w), auxiliary logits at 1/16 and 1/8, and `sub12_sum_interp`
            (B, 128, h, w).
        """
        pixels = self.normalize(images)
        conv3_1 = self.run_trunk(pixels)
        context = self.run_context(conv3_1)
        sub24_sum = self.run_context_fusion(self._run("conv_sub4", context), conv3_1)
        enlarged = self.run_context_enlarging(sub24_sum, pixels)
        features = self.run_detail_fusion(enlarged, pixels)
        aux_logits = self._aux_logits((context, enlarged), num_aux)
        return SegmentationOutput(self.classify(features), aux_logits, features)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return the class scores (B, K, h, w) of `sub12_sum_interp`."""
        return self._run("conv6_cls", features)

    def _aux_logits(
        self, maps: tuple[torch.Tensor, ...], num_aux: int | None
    ) -> tuple[torch.Tensor, ...]:
        count = self.count_aux(maps[0].shape[0], num_aux)
        if self.aux is None or count == 0:
            return ()
        return tuple(head(m[:count]) for head, m in zip(self.aux.values(), maps, strict=True))
