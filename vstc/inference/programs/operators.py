"""What a program may compute: a list of known operators, and nothing beside it.

``aten`` as a whole is no safe set: ``aten.save`` and ``aten.from_file`` write and map files. The
list holds what networks for images are made of.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

import torch

from vstc.errors import InputError
from vstc.inference.programs.checked import with_checks

Operation = Callable[..., Any]

_LAYERS = """
conv1d conv2d conv3d convolution _convolution conv_transpose1d conv_transpose2d linear addmm mm bmm
baddbmm matmul einsum batch_norm _native_batch_norm_legit_no_training group_norm native_group_norm
instance_norm layer_norm native_layer_norm rms_norm embedding scaled_dot_product_attention
dropout feature_dropout alpha_dropout native_dropout
"""
_POINTWISE = """
relu relu6 hardtanh hardswish hardsigmoid silu gelu sigmoid tanh leaky_relu elu selu celu prelu mish
softplus log_sigmoid softmax _softmax log_softmax _log_softmax
add sub rsub mul div neg abs exp expm1 log log2 log1p log10 pow sqrt rsqrt square reciprocal sin cos
erf floor ceil round trunc sign remainder fmod floor_divide true_divide maximum minimum clamp
clamp_min clamp_max lerp addcmul addcdiv where masked_fill logical_and logical_or logical_not
logical_xor bitwise_and bitwise_or bitwise_not eq ne lt le gt ge isnan isinf isfinite nan_to_num
"""
_SPATIAL = """
max_pool1d max_pool2d max_pool2d_with_indices avg_pool1d avg_pool2d adaptive_avg_pool1d
adaptive_avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d upsample_nearest2d
_upsample_nearest_exact2d upsample_bilinear2d _upsample_bilinear2d_aa upsample_bicubic2d
_upsample_bicubic2d_aa grid_sampler grid_sampler_2d affine_grid_generator pixel_shuffle
pixel_unshuffle channel_shuffle im2col col2im pad constant_pad_nd reflection_pad2d
replication_pad2d roll flip
"""
_REDUCTIONS = """
sum mean var var_mean std std_mean amax amin max min argmax argmin prod norm linalg_vector_norm
cumsum all any topk sort logsumexp count_nonzero
"""
_SHAPES = """
view _unsafe_view reshape view_as reshape_as permute transpose t swapaxes movedim flatten unflatten
squeeze unsqueeze expand expand_as broadcast_to repeat repeat_interleave tile cat concat stack
hstack vstack split split_with_sizes chunk tensor_split unbind slice select narrow index
index_select gather masked_select diagonal triu tril meshgrid contiguous clone alias
detach detach_ lift_fresh_copy to _to_copy type_as
zeros ones full arange linspace scalar_tensor zeros_like ones_like full_like new_zeros new_ones
new_full eye sym_size sym_numel sym_stride sym_storage_offset
"""
_IN_PLACE = """
relu relu6 hardtanh hardswish hardsigmoid silu gelu sigmoid tanh leaky_relu elu mish add sub mul div
clamp clamp_min clamp_max neg exp sqrt pow masked_fill dropout feature_dropout squeeze unsqueeze
"""
_ATEN = frozenset(
    [*f"{_LAYERS} {_POINTWISE} {_SPATIAL} {_REDUCTIONS} {_SHAPES}".split()]
    + [f"{name}_" for name in _IN_PLACE.split()]
)
# Checks that exporting adds; on another device than that of the export they would not hold.
_CHECKS = re.compile(r"torch\.ops\.aten\.(_assert\w*|sym_constrain_range\w*)\.\w+")
_ATEN_TARGET = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
_NO_GRAD = "torch.ops.higher_order.wrap_with_set_grad_enabled"
_OWN: dict[str, Operation] = {
    # A program traced from contiguous images says `view` where channels-last ones need a copy.
    "torch.ops.aten.view.default": torch.Tensor.reshape,
    # Decomposed programs leave out the check that an index lies within the tensor.
    "torch.ops.aten._unsafe_index.Tensor": torch.ops.aten.index.Tensor,
    "torch.ops.prims.convert_element_type.default": torch.Tensor.to,
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv,
    "_operator.truediv": operator.truediv,
    "_operator.mod": operator.mod,
    "_operator.neg": operator.neg,
    "_operator.pos": operator.pos,
    "_operator.eq": operator.eq,
    "_operator.ne": operator.ne,
    "_operator.lt": operator.lt,
    "_operator.le": operator.le,
    "_operator.gt": operator.gt,
    "_operator.ge": operator.ge,
    "_operator.and_": operator.and_,
    "_operator.or_": operator.or_,
    "math.trunc": math.trunc,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "torch.sym_int": int,
    "torch.sym_float": float,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "torch._sym_sqrt": math.sqrt,
}


def is_in_place(target: str) -> bool:
    """Tell whether an operator writes its result over its first argument."""
    found = _ATEN_TARGET.fullmatch(target)
    return found is not None and found[1].endswith("_")


def find_operation(target: str) -> Operation | None:
    """Find the operator that a node of a graph names.

    Args:
        target: Such as ``torch.ops.aten.conv2d.default`` or ``_operator.add``.

    Returns:
        The operator; None for a check, which computes nothing.

    Raises:
        InputError: It is not on the list.
    """
    if _CHECKS.fullmatch(target):
        return None
    if target in _OWN:
        return _OWN[target]
    found = _ATEN_TARGET.fullmatch(target)
    if target == _NO_GRAD:
        raise InputError(
            "a part of it turns gradients on or off",
            hint="export it with them off: with torch.no_grad(): torch.export.export(...)",
        )
    if found is None or found[1] not in _ATEN or "out" in found[2].split("_"):
        raise InputError(
            f"it uses the operator {target[:80]}, which is not one of those that networks for "
            "images are known to need",
            hint="export the network alone, with standard layers; or predict with the program "
            "that it comes from, and give the folder of those labels",
        )
    packet = getattr(torch.ops.aten, found[1], None)
    if packet is None or found[2] not in packet.overloads():
        raise InputError(f"this version of torch does not know its operator {target[:80]}")
    return with_checks(found[1], getattr(packet, found[2]))
