"""The mean accuracy of a network under flipped bits, by what is used in PyTorch now: a careful loop, PyTorchFI, MRFI.

    python bench/peers/peers.py NETWORK --p 0.1 --mask 0x80 --seconds 40 [--tool loop|pytorchfi|mrfi]

Weights of convolutions and dense layers are int8 codes with one step a layer; each bit flips with probability p unless
the mask protects it, anew on each chip. A chip is judged on all images of the test file, as `qtaml verify` does it.
Writes one line of JSON.
"""

import argparse
import json
import sys
import time
from pathlib import Path

START = time.perf_counter()

import numpy as np
import onnx
import onnx.numpy_helper
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "zoo"))
from training import networks
from training.recipes import FASHION, WATCH

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)
parser = argparse.ArgumentParser()
parser.add_argument("network")
parser.add_argument("--p", type=float, default=0.1)
parser.add_argument("--mask", type=lambda text: int(text, 0), default=0x80)
parser.add_argument("--seconds", type=float, default=40)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--batch", type=int, default=50)
parser.add_argument("--tool", default="loop", choices=["loop", "pytorchfi", "mrfi"])
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(1)
torch.set_grad_enabled(False)


def load(name):
    """The network with the weights of its ONNX file, normalisations folded as they are there."""
    model = networks.fused({**FASHION, **WATCH}[name].build())
    stored = onnx.load(ROOT / "zoo" / f"{name}.onnx").graph.initializer
    values = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()).float() for t in stored}
    # The exporter transposes dense layers that become matrix products, and keeps the order of what it renames.
    unnamed = [v.T if k.startswith("onnx::MatMul") else v for k, v in values.items() if k.startswith("onnx::")]
    state = model.state_dict()
    for key, own in state.items():
        if key in values:
            own.copy_(values[key])
        else:
            own.copy_(unnamed.pop(0))
    assert not unnamed, "weights of the file are left over"
    return model


model = load(args.network)
watch = args.network.startswith("watch")
data = np.load(ROOT / "zoo" / ("watch-test-1008.npz" if watch else "fashion-mnist-test-2000.npz"))
arrays = {key: data[key] for key in data.files}
labels = torch.from_numpy(arrays.pop("y").astype(np.int64))
x = torch.from_numpy(arrays.pop("x"))
x = x.float() / 255 if x.dtype == torch.uint8 else x.float()

layers = [m for m in model.modules() if isinstance(m, LAYERS)]
steps, codes = [], []
for layer in layers:
    step = layer.weight.abs().max() / 127
    codes.append(torch.round(layer.weight / step).to(torch.int16) & 0xFF)
    steps.append(step)
flips = torch.tensor([0.0 if args.mask >> k & 1 else args.p for k in range(8)])


def decode(bytes_, step):
    return torch.where(bytes_ > 127, bytes_ - 256, bytes_).float() * step


def pattern(count):
    """[count] XOR patterns of independent flips."""
    found = torch.zeros(count, dtype=torch.int16)
    for k in range(8):
        if flips[k] > 0:
            found |= (torch.rand(count) < flips[k]).to(torch.int16) << k
    return found


def accuracy(network, batch=None):
    right = 0
    for part, truth in zip(x.split(batch or args.batch), labels.split(batch or args.batch)):
        right += int((network(part).argmax(1) == truth).sum())
    return right / len(labels)


for layer, own, step in zip(layers, codes, steps):
    layer.weight.copy_(decode(own, step))
clean = accuracy(model)


def loop():
    for layer, own, step in zip(layers, codes, steps):
        layer.weight.copy_(decode(own ^ pattern(own.numel()).view_as(own), step))
    return accuracy(model)


def with_pytorchfi():
    import logging

    from pytorchfi.core import fault_injection

    logging.disable(logging.CRITICAL)
    injector = fault_injection(model, args.batch, input_shape=list(x.shape[1:]), layer_types=list(LAYERS))
    index = {id(layer.weight): i for i, layer in enumerate(layers)}

    def chip():
        places = ([], [], [], [], [])
        changed = []
        for i, own in enumerate(codes):
            xor = pattern(own.numel()).view_as(own)
            values = decode(own ^ xor, steps[i])
            for at in xor.nonzero().tolist():
                changed.append(float(values[tuple(at)]))
                for column, place in zip(places, [i, *at, *[None] * (4 - len(at))]):
                    column.append(place)
        if not changed:
            return clean
        keys = dict(zip(("layer_num", "k", "dim1", "dim2", "dim3"), places))
        return accuracy(injector.declare_weight_fi(**keys, value=changed))

    return chip


def with_mrfi():
    from mrfi import MRFI, EasyConfig, add_function

    def FlipIndependently(values, bit_width=8):
        bytes_ = values.to(torch.int16) & 0xFF
        return decode(bytes_ ^ pattern(values.numel()).view_as(bytes_), 1.0)

    add_function("FlipIndependently", FlipIndependently)
    config = EasyConfig(
        {
            "faultinject": [
                {
                    "type": "weight",
                    "name": ["weight"],
                    "quantization": {"method": "SymmericQuantization", "dynamic_range": "auto", "bit_width": 8},
                    "enabled": True,
                    "error_mode": {"method": "FlipIndependently", "bit_width": 8},
                    "module_type": ["Conv1d", "Conv2d", "Linear"],
                }
            ]
        }
    )
    injected = MRFI(model, config)
    # It draws anew at every call, so that a chip is one call.
    return lambda: accuracy(injected, len(labels))


chip = {"loop": lambda: loop, "pytorchfi": with_pytorchfi, "mrfi": with_mrfi}[args.tool]()
ready = time.perf_counter() - START
scores, began = [], time.perf_counter()
while len(scores) < 3 or (time.perf_counter() - began < args.seconds and len(scores) < 400):
    scores.append(chip())
each = (time.perf_counter() - began) / len(scores)
print(
    json.dumps(
        {
            "network": args.network,
            "tool": args.tool,
            "clean": clean,
            "chips": len(scores),
            "mean": float(np.mean(scores)),
            "deviation": float(np.std(scores, ddof=1)),
            "startSeconds": ready,
            "chipSeconds": each,
        }
    )
)
