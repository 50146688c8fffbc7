"""The five families, over images (`axes=2`) or signals (`axes=1`): input "x" [N,channels,...], output [N,classes]."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

CONV = {1: nn.Conv1d, 2: nn.Conv2d}
NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
MAX_POOL = {1: nn.MaxPool1d, 2: nn.MaxPool2d}
AVERAGE_POOL = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}


class LeNet(nn.Sequential):
    """LeNet-5 with ReLU and max pooling: two convolutions of width 5 and three dense layers."""

    def __init__(self, size=28, c1=6, c2=16, f1=120, f2=84, channels=1, classes=10, axes=2):
        conv, pool, side = CONV[axes], MAX_POOL[axes], (size // 2 - 4) // 2
        super().__init__(
            conv(channels, c1, 5, padding=2), nn.ReLU(), pool(2),
            conv(c1, c2, 5), nn.ReLU(), pool(2), nn.Flatten(),
            nn.Linear(c2 * side**axes, f1), nn.ReLU(), nn.Linear(f1, f2), nn.ReLU(), nn.Linear(f2, classes),
        )  # fmt: skip


def conv_bn(cin, cout, k=3, stride=1, groups=1, act=nn.ReLU, axes=2):
    """Convolution (same padding, no bias), batch normalisation and, unless `act` is None, an activation."""
    layers = [CONV[axes](cin, cout, k, stride, k // 2, groups=groups, bias=False), NORM[axes](cout)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Vgg(nn.Sequential):
    """Stages of two or three convolutions of width 3 and a max pooling, then a wide dense head with dropout.

    `pad` frames images with zeros first, so that they can be halved more often."""

    def __init__(self, size=28, widths=(16, 32, 48), depths=(2, 2, 2), head=512, dropout=0.3, pad=0,
                 channels=1, classes=10, axes=2):  # fmt: skip
        layers, cin, size = [nn.ZeroPad2d(pad)] if pad else [], channels, size + 2 * pad
        for width, depth in zip(widths, depths):
            for _ in range(depth):
                layers.append(conv_bn(cin, width, axes=axes))
                cin = width
            layers.append(MAX_POOL[axes](2))
            size //= 2
        super().__init__(
            *layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(cin * size**axes, head), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(head, classes),
        )  # fmt: skip


class Residual(nn.Module):
    """Two convolutions of width 3 and a shortcut, which is a convolution of width 1 where the shape changes."""

    def __init__(self, cin, cout, stride, axes):
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(cin, cout, 3, stride, axes=axes), conv_bn(cout, cout, act=None, axes=axes)
        )
        same = cin == cout and stride == 1
        self.shortcut = nn.Identity() if same else conv_bn(cin, cout, 1, stride, act=None, axes=axes)

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Sequential):
    """A stem with overlapping max pooling (width 3, stride 2), residual blocks, global average pooling, one dense layer."""

    def __init__(self, widths=(24, 48, 96), blocks=1, channels=1, classes=10, axes=2):
        layers, cin = [conv_bn(channels, widths[0], axes=axes), MAX_POOL[axes](3, 2, 1)], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Residual(cin, width, 2 if stage and not block else 1, axes))
                cin = width
        super().__init__(*layers, AVERAGE_POOL[axes](1), nn.Flatten(), nn.Linear(cin, classes))


class Inverted(nn.Module):
    """Inverted residual: expansion of width 1, depthwise convolution of width 3, linear bottleneck of width 1."""

    def __init__(self, cin, cout, stride, expansion, axes):
        super().__init__()
        mid = cin * expansion
        self.body = nn.Sequential(
            conv_bn(cin, mid, 1, act=nn.ReLU6, axes=axes),
            conv_bn(mid, mid, 3, stride, groups=mid, act=nn.ReLU6, axes=axes),
            conv_bn(mid, cout, 1, act=None, axes=axes),
        )
        self.residual = cin == cout and stride == 1

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


PLAN = ((24, 2), (24, 1), (40, 2), (40, 1), (64, 1))


class MobileNet(nn.Sequential):
    """MobileNetV2: a stem of width 3, inverted residuals, a head of width 1, global average pooling, one dense layer."""

    def __init__(self, stem=16, plan=PLAN, head=128, expansion=4, channels=1, classes=10, axes=2):
        layers, cin = [conv_bn(channels, stem, act=nn.ReLU6, axes=axes)], stem
        for width, stride in plan:
            layers.append(Inverted(cin, width, stride, expansion, axes))
            cin = width
        layers += [conv_bn(cin, head, 1, act=nn.ReLU6, axes=axes), AVERAGE_POOL[axes](1), nn.Flatten()]
        super().__init__(*layers, nn.Linear(head, classes))


class Attention(nn.Module):
    """Multi-head self-attention with one fused projection."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5, -1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, t, d))


class EncoderLayer(nn.Module):
    """Pre-norm encoder layer: x + attention(LN x), then x + MLP(LN x) with GELU."""

    def __init__(self, dim, heads, mlp, dropout):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(dim), Attention(dim, heads), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp), nn.GELU(), nn.Linear(mlp, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.mlp(self.norm2(x)))


class Transformer(nn.Module):
    """A transformer encoder: patches by a strided convolution, learnt positions, pre-norm encoder layers with GELU,
    then the mean over the tokens, LayerNorm and one dense layer.

    `cls` reads a class token instead of the mean; `library` takes PyTorch's own post-norm layers."""

    def __init__(self, size=28, patch=4, dim=64, heads=4, mlp=128, depth=3, cls=False, library=False,
                 dropout=0.0, channels=1, classes=10, axes=2):  # fmt: skip
        super().__init__()
        self.patches = CONV[axes](channels, dim, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02) if cls else None
        self.position = nn.Parameter(torch.randn(1, (size // patch) ** axes + int(cls), dim) * 0.02)
        own = lambda: EncoderLayer(dim, heads, mlp, dropout)  # noqa: E731
        torchs = lambda: nn.TransformerEncoderLayer(dim, heads, mlp, 0.0, "gelu", batch_first=True)  # noqa: E731
        self.layers = nn.Sequential(*(torchs() if library else own() for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        if self.cls is not None:
            x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        x = self.layers(x + self.position)
        return self.head(self.norm(x[:, 0] if self.cls is not None else x.mean(1)))


def rounded(model):
    """A copy, fused, whose weights are what int8 codes with one step an output channel stand for."""
    model = fused(model)
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            codes, step = int8(module.weight.detach().numpy())
            module.weight.data = torch.from_numpy(codes * step)
    return model


def int8(weights):
    """Codes -127 to 127 (float32) of weights [outputs,...] and their steps, broadcastable, one an output."""
    step = abs(weights).max(tuple(range(1, weights.ndim)), keepdims=True) / np.float32(127)
    return np.rint(weights / step), step


def fused(model):
    """A copy in which each convolution has taken in the batch normalisation after it."""
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], tuple(NORM.values())):
            module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()
    return model
