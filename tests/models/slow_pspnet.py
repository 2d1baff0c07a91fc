"""PSPNet written out as plain function calls on a state dict, in eval mode."""

from __future__ import annotations

import torch
import torch.nn.functional as F


class SlowPSPNet:
    """Evaluates a state dict step by step, after the tables of the papers and released code."""

    def __init__(self, state):
        self.state = state

    def conv(self, x, name, *, stride=1, dilation=1, groups=1):
        weight = self.state[f"{name}.weight"]
        padding = weight.shape[-1] // 2 * dilation
        bias = self.state.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    def norm(self, x, name):
        weight, bias, mean, var = (
            self.state[f"{name}.{leaf}"].view(1, -1, 1, 1)
            for leaf in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias

    def basic_block(self, x, name, *, stride, dilation):
        out = F.relu(self.norm(self.conv(x, f"{name}.conv1", stride=stride), f"{name}.bn1"))
        out = self.norm(self.conv(out, f"{name}.conv2", dilation=dilation), f"{name}.bn2")
        return F.relu(out + self.shortcut(x, name, stride))

    def bottleneck(self, x, name, *, stride, dilation):
        out = F.relu(self.norm(self.conv(x, f"{name}.conv1"), f"{name}.bn1"))
        out = self.conv(out, f"{name}.conv2", stride=stride, dilation=dilation)
        out = F.relu(self.norm(out, f"{name}.bn2"))
        out = self.norm(self.conv(out, f"{name}.conv3"), f"{name}.bn3")
        return F.relu(out + self.shortcut(x, name, stride))

    def shortcut(self, x, name, stride):
        if f"{name}.downsample.0.weight" not in self.state:
            return x
        x = self.conv(x, f"{name}.downsample.0", stride=stride)
        return self.norm(x, f"{name}.downsample.1")

    def resnet(self, x, *, block, counts, deep_stem):
        for index, stride in ((0, 2), (3, 1), (6, 1)) if deep_stem else ((0, 2),):
            x = self.conv(x, f"layer0.{index}", stride=stride)
            x = F.relu(self.norm(x, f"layer0.{index + 1}"))
        x = F.max_pool2d(x, 3, 2, 1)
        for number, count in enumerate(counts, start=1):
            for index in range(count):
                stride = 2 if (number, index) == (2, 0) else 1
                dilation = {3: 2, 4: 4}.get(number, 1)
                x = block(x, f"layer{number}.{index}", stride=stride, dilation=dilation)
        return x

    def mobilenet(self, x):
        x = F.relu6(self.norm(self.conv(x, "features.0.0", stride=2), "features.0.1"))
        widths = [16, 24, 24, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]
        for number, width in enumerate(widths, start=1):
            name, out, step = f"features.{number}.conv", x, 0
            if number > 1:
                out = F.relu6(self.norm(self.conv(out, f"{name}.0.0"), f"{name}.0.1"))
                step = 1
            dilation = 1 if number < 7 else 2 if number < 14 else 4
            stride = 2 if number in (2, 4) else 1
            out = self.conv(
                out, f"{name}.{step}.0", stride=stride, dilation=dilation, groups=out.shape[1]
            )
            out = F.relu6(self.norm(out, f"{name}.{step}.1"))
            out = self.norm(self.conv(out, f"{name}.{step + 1}"), f"{name}.{step + 2}")
            x = x + out if out.shape == x.shape and out.shape[1] == width else out
        return x

    def heads(self, x):
        maps = [x]
        for index, bins in enumerate((1, 2, 3, 6)):
            pooled = self.conv(F.adaptive_avg_pool2d(x, bins), f"ppm.features.{index}.1")
            pooled = F.relu(self.norm(pooled, f"ppm.features.{index}.2"))
            maps.append(F.interpolate(pooled, x.shape[2:], mode="bilinear", align_corners=True))
        x = F.relu(self.norm(self.conv(torch.cat(maps, 1), "cls.0"), "cls.1"))
        return self.conv(x, "cls.4")
