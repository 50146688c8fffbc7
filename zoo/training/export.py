"""ONNX files as users have them: PyTorch's own exporter, evaluation mode, batch axis `N`."""

import onnx
import torch

OPSET = 17


def export(model, path, sample, opset=OPSET, fold=True):
    """Writes the model for inputs [N, *sample]; `fold=False` keeps BatchNormalization nodes."""
    mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(
        model.eval(), torch.zeros(2, *sample), str(path), opset_version=opset, do_constant_folding=fold,
        training=mode, input_names=["x"], output_names=["logits"],
        dynamic_axes={"x": {0: "N"}, "logits": {0: "N"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)))
