"""The refiner of EVS (Paul et al. 2020): ICNet with its deepest part replaced by what is carried.

The paper leaves open where ICNet is cut. It says that half of the computation is spared, which
holds for one cut alone: the trunk and Branch 1 see the current frame, and the output of
`conv_sub4`, carried from the key frame, stands for Branch 4. The other cuts are here to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import torch
from torch import nn

from vstc.models.conv_norm import ConvNorm
from vstc.models.icnet import ICNet
from vstc.models.icnet_parts import FUSED_CHANNELS, ICNetParts
from vstc.models.pixels import CAFFE_BGR
from vstc.models.refiner import Cues, Refiner, RefinerOutput
from vstc.models.residual_refiner import zero_classifier
from vstc.models.resnet import initialize_convolutions

_CORRECTION_WIDTH = 64


class ICNetCut(StrEnum):
    """Where ICNet is cut, with the share of its multiply-adds that is still computed.

    ``R1A`` takes `conv_sub4` (49.5 %), ``R1B`` its input (57.8 %), ``RA`` the trunk's output
    (77.9 %), ``R3`` the first feature fusion (26.5 %).
    """

    R1A = "r1a"
    R1B = "r1b"
    RA = "ra"
    R3 = "r3"

    @property
    def tap(self) -> str:
        """The layer whose output is carried."""
        return _TAPS[self]


_TAPS = {
    ICNetCut.R1A: "conv_sub4",
    ICNetCut.R1B: "conv5_4_interp",
    ICNetCut.RA: "conv3_1",
    ICNetCut.R3: "sub24_sum",
}


class ICNetRefiner(ICNetParts, Refiner):
    """ICNet from the cut on, seeing the current frame; without propagation, ICNet itself.

    Args:
        num_classes: Number of classes.
        cut: Where ICNet is cut.
        takes_predictions: Let a small head see the propagated probabilities and their
            inconsistency too and correct the scores; it starts as zero. The paper can be read
            either way; without, they meet in the fusion alone.
    """

    name = "icnet"

    def __init__(
        self, *, num_classes: int, cut: str = ICNetCut.R1A, takes_predictions: bool = False
    ) -> None:
        self.cut = ICNetCut(cut)
        super().__init__(
            num_classes=num_classes, convention=CAFFE_BGR, tap=self.cut.tap, takes_residual=False
        )
        if self.cut in (ICNetCut.R1A, ICNetCut.R1B):
            self.add_trunk()
        if self.cut is ICNetCut.RA:
            self.add_context()
        if self.cut is not ICNetCut.R3:
            self.add_context_fusion(has_context_conv=self.cut is not ICNetCut.R1A)
        self.add_detail_fusion()
        self.correction: nn.Sequential | None = None
        if takes_predictions:
            num_inputs = FUSED_CHANNELS + num_classes + 1
            self.correction = nn.Sequential(
                ConvNorm(num_inputs, _CORRECTION_WIDTH, kernel_size=1),
                ConvNorm(_CORRECTION_WIDTH, _CORRECTION_WIDTH, groups=_CORRECTION_WIDTH),
            )
        initialize_convolutions(self)
        self.add_classifier(num_classes)
        if self.correction is not None:
            self.correction.append(zero_classifier(_CORRECTION_WIDTH, num_classes))
        self.aux = nn.ModuleDict(
            {"sub24_out": nn.Conv2d(FUSED_CHANNELS, num_classes, kernel_size=1)}
        )

    aux: nn.ModuleDict | None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What `create_refiner` builds the same refiner from."""
        return {
            "num_classes": self.num_classes,
            "cut": str(self.cut),
            "takes_predictions": self.correction is not None,
        }

    @property
    def new_names(self) -> tuple[str, ...]:
        """The head for propagated predictions; all else is ICNet's."""
        return ("correction",)

    def copy_weights(self, network: ICNet) -> None:
        """Start from the weights of a trained ICNet.

        Args:
            network: With the same classes; its auxiliary heads may have been dropped.
        """
        theirs = network.state_dict()
        shared = {name: theirs[name] for name in self.state_dict() if name in theirs}
        self.load_state_dict(shared, strict=False)

    def correct(self, pixels_B3HW: torch.Tensor, cues: Cues) -> RefinerOutput:
        """Return class scores at a quarter of the image."""
        assert cues.feature_BChw is not None
        sub24_sum = self._context(pixels_B3HW, cues.feature_BChw)
        enlarged = self.run_context_enlarging(sub24_sum, pixels_B3HW)
        features = self.run_detail_fusion(enlarged, pixels_B3HW)
        logits = self._run("conv6_cls", features)
        if self.correction is not None:
            logits = logits + self.correction(torch.cat([features, cues.maps_BNhw], dim=1))
        if not self.training or self.aux is None:
            return RefinerOutput(logits, ())
        return RefinerOutput(logits, (self.aux["sub24_out"](enlarged),))

    def _context(self, pixels: torch.Tensor, carried: torch.Tensor) -> torch.Tensor:
        """Return `sub24_sum` of what was carried and what is seen."""
        if self.cut is ICNetCut.R3:
            return carried
        conv3_1 = carried if self.cut is ICNetCut.RA else self.run_trunk(pixels)
        if self.cut is ICNetCut.R1A:
            return self.run_context_fusion(carried, conv3_1)
        context = self.run_context(conv3_1) if self.cut is ICNetCut.RA else carried
        return self.run_context_fusion(self._run("conv_sub4", context), conv3_1)
