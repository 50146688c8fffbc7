"""How each network is trained."""

from dataclasses import dataclass
from typing import Callable

from torch import nn

from .networks import LeNet, MobileNet, ResNet, Transformer, Vgg

SEED = 1


@dataclass(frozen=True)
class Recipe:
    """AdamW and one learning-rate cycle: the peak rate, the weight decay, the epochs and the accuracy that is aimed at."""

    build: Callable[[], nn.Module]
    epochs: int
    peak: float
    decay: float
    aim: float
    batch: int = 128
    shift: int = 0
    """Fashion-MNIST: images are moved by up to so many pixels each way."""
    stored: str = "float32"
    """How the weights are stored: `float32`, or `int8` with one step an output channel."""


FASHION = {
    "lenet": Recipe(LeNet, 20, 3e-3, 1e-2, 0.90, shift=1),
    "vgg": Recipe(Vgg, 16, 3e-3, 5e-2, 0.92, shift=2),
    "resnet": Recipe(ResNet, 16, 5e-3, 5e-2, 0.92, shift=2),
    "mobilenet": Recipe(MobileNet, 18, 6e-3, 2e-2, 0.92, shift=2),
    "transformer": Recipe(Transformer, 20, 2e-3, 5e-2, 0.88, shift=1),
}

LARGE = {
    "resnet18": Recipe(lambda: ResNet((64, 128, 256, 512), 2), 24, 2e-3, 5e-2, 0.93, shift=2, stored="int8"),
    "vgg16": Recipe(lambda: Vgg(28, (64, 128, 256, 512, 512), (2, 2, 3, 3, 3), dropout=0.5, pad=2),
                    24, 1e-3, 5e-2, 0.93, shift=2, stored="int8"),
}  # fmt: skip
"""Networks of full width: an hour's training on a CPU, minutes on a GPU."""

SIGNAL = dict(channels=6, classes=7, axes=1)
WATCH = {
    "watch-lenet": Recipe(lambda: LeNet(128, **SIGNAL), 20, 3e-3, 1e-2, 0.85, 64),
    "watch-vgg": Recipe(lambda: Vgg(128, dropout=0.5, **SIGNAL), 10, 3e-3, 5e-2, 0.85, 64),
    "watch-resnet": Recipe(lambda: ResNet(**SIGNAL), 12, 5e-3, 5e-2, 0.85, 64),
    "watch-mobilenet": Recipe(lambda: MobileNet(**SIGNAL), 10, 5e-3, 5e-2, 0.85, 64),
    "watch-transformer": Recipe(lambda: Transformer(128, 8, dropout=0.1, **SIGNAL), 8, 1e-3, 5e-2, 0.85, 64),
}
