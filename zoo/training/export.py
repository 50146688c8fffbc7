"""ONNX files as users have them: PyTorch's own exporter, evaluation mode, batch axis `N`."""

import inspect

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from .networks import int8

OPSET = 17


def export(model, path, sample, opset=OPSET, fold=True):
    """Writes the model for inputs [N, *sample]; `fold=False` keeps BatchNormalization nodes."""
    mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
    # Later releases of PyTorch trace in another way by default.
    scripted = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        model.eval(), torch.zeros(2, *sample), str(path), opset_version=opset, do_constant_folding=fold,
        training=mode, input_names=["x"], output_names=["logits"],
        dynamic_axes={"x": {0: "N"}, "logits": {0: "N"}}, **scripted,
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)))


def store_int8(path):
    """Stores the weights of a file (tensors of two or more axes, one output each along the first) as int8 codes with
    one step an output, decoded by DequantizeLinear. They must be what such codes stand for."""
    model = onnx.load(str(path))
    graph, decoders = model.graph, []
    for tensor in [t for t in graph.initializer if len(t.dims) > 1]:
        weights, name = numpy_helper.to_array(tensor), tensor.name
        codes, step = int8(weights)
        if not np.allclose(codes * step, weights, rtol=1e-5, atol=0):
            raise SystemExit(f"{path}: {name} is not what int8 codes stand for.")
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(codes.astype(np.int8), f"{name}.codes"))
        graph.initializer.append(numpy_helper.from_array(step.reshape(-1), f"{name}.step"))
        decoders.append(helper.make_node("DequantizeLinear", [f"{name}.codes", f"{name}.step"], [name], axis=0))
    for place, node in enumerate(decoders):
        graph.node.insert(place, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
