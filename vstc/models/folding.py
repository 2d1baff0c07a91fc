"""Batch norms folded into the convolutions before them: the same function, fewer passes."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def fold_batch_norms(model: AnyModule) -> AnyModule:
    """Return a copy for prediction, in which convolutions do the work of their batch norms.

    A network without batch norms is returned as it is.

    A batch norm that does not learn any more is a scale and a shift of each channel. It is folded
    where it directly follows a convolution among the children of a module, as in ``ConvNorm``;
    an identity takes its place, so that modules keep their names and outputs, but for those of
    the convolutions themselves. Results differ by rounding.

    Args:
        model: A network in evaluation mode; it is left as it is.

    Raises:
        ValueError: The network is in training mode, in which batch norms are no constants.
    """
    if model.training:
        raise ValueError("batch norms of a network in training cannot be folded")
    if not any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        return model
    folded = copy.deepcopy(model)
    for module in list(folded.modules()):
        _fold_children(module)
    return folded


def _fold_children(parent: nn.Module) -> None:
    children = list(parent.named_children())
    for (name, first), (norm_name, second) in zip(children, children[1:], strict=False):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            setattr(parent, name, fuse_conv_bn_eval(first, second))
            setattr(parent, norm_name, nn.Identity())
