"""Random networks with reference logits and Jacobians, for the tests of the gradient graph."""

import copy
import json

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from .export import OPSET, export
from .networks import LeNet, MobileNet, ResNet, Transformer, Vgg, fused


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
        export(copy.deepcopy(model), path, (1, 16, 16), opset, fold)
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
