"""PSPNet (Zhao et al. 2017) on ResNet and MobileNetV2, at output stride 8.

Architectures and parameter names follow the released code: hszhao/semseg for 50 and 101 layers,
the code of Liu et al. 2020 for 18 layers. For MobileNetV2 nothing was released; its heads are the
same with widths that meet the parameter count of Liu et al. 2020, Table 4 (the
auxiliary head is our choice).

Shapes: B images, H x W pixels, h x w grid with h = (H - 1) // 8 + 1, C channels of the deepest map.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from vstc.models import mobilenet_v2 as mobilenet
from vstc.models.pyramid import PyramidPooling, classifier
from vstc.models.resnet import (
    BasicBlock,
    Bottleneck,
    deep_stem,
    initialize_convolutions,
    plain_stem,
    stage,
)
from vstc.models.segmentation_model import SegmentationModel, SegmentationOutput


@dataclass(frozen=True)
class Encoded:
    """Two maps at stride 8: `middle` for the auxiliary head, `deep` for the pyramid."""

    middle: torch.Tensor
    deep: torch.Tensor


class PSPNet(SegmentationModel):
    """The heads of PSPNet; a child supplies the backbone by `encode`.

    Attributes:
        ppm: Pyramid pooling, C to 2C channels.
        cls: Classifier on the pyramid.
        aux: Classifier on the middle map; None once it is dropped.
    """

    context_tap = "cls.2"

    ppm: PyramidPooling
    cls: nn.Sequential

    @abstractmethod
    def encode(self, pixels: torch.Tensor) -> Encoded:
        """Return the backbone's maps for normalised pixels (B, 3, H, W)."""

    def forward(self, images: torch.Tensor, *, num_aux: int | None = None) -> SegmentationOutput:
        """Return class scores at stride 8.

        Args:
            images: RGB (B, 3, H, W), uint8 or float, 0..255. In training mode B is at least 2.
            num_aux: In training mode, run the auxiliary head on the first `num_aux` images only;
                None means all. In eval mode it never runs.

        Returns:
            Logits (B, K, h, w), one entry of auxiliary logits (num_aux, K, h, w) or none, and the
            output of the pyramid (B, 2C, h, w).
        """
        maps = self.encode(self.normalize(images))
        features = self.ppm(maps.deep)
        logits = self.classify(features)
        return SegmentationOutput(logits, self._aux_logits(maps.middle, num_aux), features)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return the class scores (B, K, h, w) of the output of the pyramid."""
        logits: torch.Tensor = self.cls(features)
        return logits

    def _aux_logits(self, middle: torch.Tensor, num_aux: int | None) -> tuple[torch.Tensor, ...]:
        count = self.count_aux(middle.shape[0], num_aux)
        return (self.aux(middle[:count]),) if self.aux is not None and count else ()


@dataclass(frozen=True)
class ResNetPlan:
    """What distinguishes one ResNet-based PSPNet from another.

    Attributes:
        block: Kind of residual block.
        num_blocks: Blocks of the four stages.
        widths: Inner channels of the four stages.
        stem_channels: Output channels of the stem.
        stem_kernel: Side of the stem's single kernel; None takes the stem of three 3x3.
        cls_width: Channels inside the classifier.
        aux_width: Channels inside the auxiliary classifier.
    """

    block: type[BasicBlock] | type[Bottleneck]
    num_blocks: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    stem_channels: int
    stem_kernel: int | None
    cls_width: int
    aux_width: int


class PSPNetResNet(PSPNet):
    """PSPNet on a ResNet with dilated last stages (2, then 4).

    Backbone convolutions start as in `initialize_convolutions`, heads with torch's defaults.

    Args:
        name: Name in the catalog.
        num_classes: Number of classes.
        plan: Kind, number and width of the blocks.
    """

    def __init__(self, *, name: str, num_classes: int, plan: ResNetPlan) -> None:
        super().__init__(name=name, num_classes=num_classes)
        expansion = plan.block.expansion
        self.layer0 = (
            deep_stem()
            if plan.stem_kernel is None
            else plain_stem(plan.stem_channels, kernel_size=plan.stem_kernel)
        )
        inputs = (plan.stem_channels, *(width * expansion for width in plan.widths))
        stages = [
            stage(
                plan.block,
                in_channels=inputs[index],
                channels=plan.widths[index],
                num_blocks=plan.num_blocks[index],
                stride=(1, 2, 1, 1)[index],
                dilation=(1, 1, 2, 4)[index],
            )
            for index in range(4)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        initialize_convolutions(self)
        self.ppm = PyramidPooling(inputs[4])
        self.cls = classifier(
            in_channels=2 * inputs[4], width=plan.cls_width, num_classes=num_classes
        )
        self.aux = classifier(in_channels=inputs[3], width=plan.aux_width, num_classes=num_classes)

    def encode(self, pixels: torch.Tensor) -> Encoded:
        """Return the outputs of the third and fourth stage."""
        middle = self.layer3(self.layer2(self.layer1(self.layer0(pixels))))
        return Encoded(middle=middle, deep=self.layer4(middle))


class PSPNetMobileNetV2(PSPNet):
    """PSPNet on MobileNetV2; the auxiliary head reads `features.13`.

    Args:
        name: Name in the catalog.
        num_classes: Number of classes.
    """

    def __init__(self, *, name: str, num_classes: int) -> None:
        super().__init__(name=name, num_classes=num_classes)
        self.features = mobilenet.mobilenet_v2_features()
        initialize_convolutions(self)
        deep = mobilenet.DEEP_CHANNELS
        self.ppm = PyramidPooling(deep)
        self.cls = classifier(in_channels=2 * deep, width=256, num_classes=num_classes)
        self.aux = classifier(
            in_channels=mobilenet.MIDDLE_CHANNELS, width=256, num_classes=num_classes
        )

    def encode(self, pixels: torch.Tensor) -> Encoded:
        """Return the outputs of `features.13` and `features.17`."""
        middle = deep = pixels
        for index, layer in enumerate(self.features):
            deep = layer(deep)
            if index == mobilenet.MIDDLE_INDEX:
                middle = deep
        return Encoded(middle=middle, deep=deep)
