"""The cards NAME.md beside the networks."""

import re

import onnx
import torch
from torch import nn

from .export import OPSET
from .networks import fused
from .watch import FOLDS, PACE, STRIDE, TILT, WINDOW


def write(path, model, rows, training):
    """Writes a card: the rows of its table (`file` and `parameters` come after the first two) and how it was trained."""
    purpose = " ".join(type(model).__doc__.split("\n\n")[0].split())
    version = re.match(r"[\d.]+", torch.__version__).group()
    parameters = sum(p.numel() for p in fused(model).parameters())
    weights = [tuple(t.dims) for t in onnx.load(str(path)).graph.initializer if len(t.dims) > 1]
    size = path.stat().st_size / 1024
    rows = [
        *rows[:2],
        ("file", f"`{path.name}`, {size:.0f} KB, ONNX opset {OPSET}, PyTorch {version}'s exporter in evaluation mode"
                 " (batch normalisation, where there is any, is folded)"),
        ("parameters", f"{parameters:,}, as exported"),
        *rows[2:],
    ]  # fmt: skip
    table = "\n".join(f"| {key} | {value} |" for key, value in rows)
    shapes = ", ".join("x".join(map(str, shape)) for shape in weights)
    path.with_suffix(".md").write_text(
        f"# {path.stem}\n\n{purpose}\n\n| | |\n|---|---|\n{table}\n\n"
        f"Tensors of two or more axes, in the order of the file: {shapes}.\n\n**Training.** {training}\n"
    )


def regularisation(model, recipe):
    """Weight decay and, where there is any, dropout."""
    dropout = max((m.p for m in model.modules() if isinstance(m, nn.Dropout)), default=0)
    return f"weight decay {recipe.decay:g}{f', dropout {dropout:g}' if dropout else ''}"


def command(path, recipe, epochs, device="cpu"):
    flags = [f"--epochs {epochs}"] if epochs != recipe.epochs else []
    flags += [f"--device {device}"] if device != "cpu" else []
    return f"`{' '.join(['zoo/train.py', path.stem, *flags])}`"


def fashion(path, model, recipe, epochs, minutes, accuracy, shipped, device):
    """The card of a network on Fashion-MNIST."""
    rows = [
        ("input", "`x` float32 `[N,1,28,28]`, pixels in [0, 1]"),
        ("output", "`logits` float32 `[N,10]`"),
        ("accuracy, test split (10,000)", f"**{accuracy:.2%}**"),
        ("accuracy, shipped images (2,000)", f"{shipped:.2%}"),
        ("reproduce", command(path, recipe, epochs, device)),
        *([("storage", "weights int8, one step an output channel, decoded by DequantizeLinear; biases float32")]
          if recipe.stored == "int8" else []),
        ("licence", "MIT, as this repository; the images are Fashion-MNIST (MIT, Zalando SE)"),
    ]
    plural = "s" if recipe.shift > 1 else ""
    write(path, model, rows, f"""\
Fashion-MNIST, first release (see [README.md](README.md)): 59,990 training images, mirrored at random and
shifted by up to {recipe.shift} pixel{plural}; cross-entropy, AdamW ({regularisation(model, recipe)}), one learning-rate cycle with a peak of {recipe.peak:g},
batches of {recipe.batch}, {epochs} epochs, {minutes:.0f} minutes on {"two shared CPU cores" if device == "cpu" else "a GPU"}, seed 1. The test images had no part in training, in
stopping, or in a choice among checkpoints: what is shipped is the network after the last epoch.""")


def watch(path, model, recipe, epochs, minutes, right, shipped, subjects, interval):
    """The card of a network on the smartwatch recordings."""
    mean, half = interval
    held = ", ".join(f"subject {s} {subjects[s]:.1%}" for s in FOLDS[-1])
    low, high = min(subjects, key=subjects.get), max(subjects, key=subjects.get)
    rows = [
        ("input", f"`x` float32 `[N,6,{WINDOW}]`: acceleration and angular rate, {WINDOW / 50:.2f} s at 50 Hz, standardised"),
        ("output", "`logits` float32 `[N,7]`"),
        (f"accuracy, held-out subjects 9 and 10 ({len(right):,} windows)", f"**{right.mean():.2%}** ({held})"),
        ("accuracy, shipped windows (1,008)", f"{shipped:.2%}"),
        ("accuracy on an unseen subject, by five folds", f"{mean:.1%}, 95 % interval {mean - half:.1%} to "
         f"{min(1, mean + half):.1%} over ten subjects (lowest {subjects[low]:.1%}, highest {subjects[high]:.1%})"),
        ("reproduce", command(path, recipe, epochs)),
        ("licence", "MIT, as this repository; the recordings are those of seglearn (BSD 3-clause, David M. Burns)"),
    ]  # fmt: skip
    write(path, model, rows, f"""\
Smartwatch recordings of seven shoulder exercises (see [README.md](README.md)): the windows of subjects 1 to 8, one each
{STRIDE} samples, mirrored at random (left arm, right arm), rotated at random ({TILT:g} rad) and with angular rates scaled at random
({PACE:.0%}); cross-entropy, AdamW ({regularisation(model, recipe)}), one learning-rate cycle with a peak of {recipe.peak:g}, batches of {recipe.batch},
{epochs} epochs, {minutes:.1f} minutes on one shared CPU core, seed 1. Recipe and epochs were chosen on subjects 7 and 8 with networks
trained on 1 to 6; subjects 9 and 10 had no part in that. What is shipped is the network after the last epoch.""")
