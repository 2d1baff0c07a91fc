"""ICNet written out as the graph of the released Caffe network, evaluated on a state dict."""

from __future__ import annotations

import torch
import torch.nn.functional as F


class SlowICNet:
    """Runs named layers one by one, in eval mode; a map is known by the name of its layer."""

    def __init__(self, state):
        self.state = state

    def conv(self, x, name, *, stride=1, dilation=1, relu=True):
        weight = self.state[f"{name}.conv.weight"]
        padding = weight.shape[-1] // 2 * dilation
        x = F.conv2d(x, weight, None, stride, padding, dilation)
        gamma, beta, mean, var = (
            self.state[f"{name}.bn.{leaf}"].view(1, -1, 1, 1)
            for leaf in ("weight", "bias", "running_mean", "running_var")
        )
        x = (x - mean) / torch.sqrt(var + 1e-5) * gamma + beta
        return F.relu(x) if relu else x

    def block(self, x, name, *, stride=1, dilation=1, projected=False):
        out = self.conv(x, f"{name}_1x1_reduce", stride=stride)
        out = self.conv(out, f"{name}_3x3", dilation=dilation)
        out = self.conv(out, f"{name}_1x1_increase", relu=False)
        if projected:
            x = self.conv(x, f"{name}_1x1_proj", stride=stride, relu=False)
        return F.relu(x + out)

    def __call__(self, pixels):
        """Return all maps by name, for pixels whose sides are 32 n + 1."""
        maps = {"data_sub2": shrunk(pixels)}
        x = self.conv(maps["data_sub2"], "conv1_1_3x3_s2", stride=2)
        x = self.conv(self.conv(x, "conv1_2_3x3"), "conv1_3_3x3")
        x = F.max_pool2d(x, 3, 2, 1)
        x = self.block(x, "conv2_1", projected=True)
        x = self.block(self.block(x, "conv2_2"), "conv2_3")
        maps["conv3_1"] = self.block(x, "conv3_1", stride=2, projected=True)
        x = shrunk(maps["conv3_1"])
        for number in (2, 3, 4):
            x = self.block(x, f"conv3_{number}")
        for number in range(1, 7):
            x = self.block(x, f"conv4_{number}", dilation=2, projected=number == 1)
        for number in (1, 2, 3):
            x = self.block(x, f"conv5_{number}", dilation=4, projected=number == 1)
        pools = [F.adaptive_avg_pool2d(x, bins) for bins in (1, 2, 3, 6)]
        x = x + sum(F.interpolate(p, x.shape[2:], None, "bilinear", True) for p in pools)
        maps["conv5_4_interp"] = enlarged(self.conv(x, "conv5_4_k1"))
        maps["conv_sub4"] = self.conv(maps["conv5_4_interp"], "conv_sub4", dilation=2, relu=False)
        side = self.conv(maps["conv3_1"], "conv3_1_sub2_proj", relu=False)
        maps["sub24_sum"] = F.relu(maps["conv_sub4"] + side)
        maps["sub24_sum_interp"] = enlarged(maps["sub24_sum"])
        x = self.conv(pixels, "conv1_sub1", stride=2)
        x = self.conv(self.conv(x, "conv2_sub1", stride=2), "conv3_sub1", stride=2)
        side = self.conv(x, "conv3_sub1_proj", relu=False)
        deep = self.conv(maps["sub24_sum_interp"], "conv_sub2", dilation=2, relu=False)
        maps["sub12_sum_interp"] = enlarged(F.relu(deep + side))
        maps["conv6_cls"] = self.classify("conv6_cls", maps["sub12_sum_interp"])
        return maps

    def classify(self, name, x):
        return F.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])


def shrunk(x):
    """Every second cell: what bilinear resizing does with corners on corners of odd sides."""
    assert x.shape[2] % 2 == x.shape[3] % 2 == 1
    return x[:, :, ::2, ::2]


def enlarged(x):
    size = [2 * side - 1 for side in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear", align_corners=True)
