"""V1 and V2 as the torch modules that the tools' figures belong to.

Tools that hook modules see only what is a module; so V1 pools with one, and V2 with a function,
as torchvision's does.
"""

from __future__ import annotations

import torch
from torch import nn

from refnet.models.mobilenet_v1 import BLOCKS as V1_BLOCKS
from refnet.models.mobilenet_v2 import BLOCKS as V2_BLOCKS


def unit(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True
) -> nn.Sequential:
    """A convolution, its batch norm, and ReLU6."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [convolution, nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU6()) if act else nn.Sequential(*layers)


class V1(nn.Module):
    """MobileNet V1, every step a module."""

    def __init__(self) -> None:
        super().__init__()
        layers, channels = [unit(3, 32, 3, 2)], 32
        for outputs, stride in V1_BLOCKS:
            layers += [unit(channels, channels, 3, stride, channels), unit(channels, outputs)]
            channels = outputs
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(1024, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.pool(self.features(x)), 1))


class Block(nn.Module):
    """V2's inverted residual."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        expand = [unit(inputs, wide)] if expansion > 1 else []
        self.body = nn.Sequential(
            *expand, unit(wide, wide, 3, stride, wide), unit(wide, outputs, act=False)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


class V2(nn.Module):
    """MobileNet V2; its pool is a function."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [unit(3, 32, 3, 2)]
        channels = 32
        for t, c, n, s in V2_BLOCKS:
            for repeat in range(n):
                layers.append(Block(channels, c, s if repeat == 0 else 1, t))
                channels = c
        self.features = nn.Sequential(*layers, unit(320, 1280))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(self.features(x), 1)
        return self.classifier(torch.flatten(pooled, 1))
