"""Flips bits in the stored codes of a hardened ONNX file and counts right answers. It knows nothing of qtaml but the
metadata entry qtaml.stored: initialisers, flip probabilities by bit, and masks of protected bits.

usage: corrupt.py MODEL DATA.npz CHIPS SEED   (prints JSON: outputs of the clean model, accuracies of the chips)
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

path, data, chips, seed = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
images, labels = data["x"], data["y"]
if images.dtype == np.uint8:
    images = images.astype(np.float32) / np.float32(255)
model = onnx.load(path)
onnx.checker.check_model(model)
stored = json.loads(next(p.value for p in model.metadata_props if p.key == "qtaml.stored"))
initialisers = {tensor.name: tensor for tensor in model.graph.initializer}
clean = {entry["initialiser"]: numpy_helper.to_array(initialisers[entry["initialiser"]]).copy() for entry in stored}
random = np.random.default_rng(seed)


def faults(codes, entry):
    """The codes with every bit flipped by chance; ones by p10, zeros by p01. Protected bits never flip, or as often as
    their code leaves."""
    flat = codes.reshape(-1)
    out = flat.copy()
    for bit in range(entry["bits"]):
        p01 = np.full(flat.size, entry["p01"][bit])
        p10 = np.full(flat.size, entry["p10"][bit])
        for run in entry["runs"]:
            own = slice(run["start"], run["start"] + run["count"])
            if run["protectedMask"] >> bit & 1:
                p01[own] = p10[own] = 0
            for held in run.get("codes", []):
                if held["mask"] >> bit & 1:
                    p01[own], p10[own] = held["p01"], held["p10"]
        is_one = (flat >> bit) & 1 == 1
        hit = random.random(flat.size) < np.where(is_one, p10, p01)
        out[hit] ^= flat.dtype.type(1 << bit)
    return out.reshape(codes.shape)


def run():
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0]


outputs = run()
accuracies = []
for _ in range(chips):
    for entry in stored:
        codes = clean[entry["initialiser"]]
        unsigned = codes.view({1: np.uint8, 2: np.uint16}[codes.itemsize])
        initialisers[entry["initialiser"]].raw_data = faults(unsigned, entry).tobytes()
    accuracies.append(float(np.mean(np.argmax(run(), axis=1) == labels)))
json.dump({"outputs": np.asarray(outputs, dtype=np.float64).reshape(-1).tolist(), "accuracies": accuracies}, sys.stdout)
