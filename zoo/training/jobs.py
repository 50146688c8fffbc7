"""From a recipe to what is shipped: a network, its accuracies and its card."""

import numpy as np
import torch

from . import cards, fashion, watch
from .export import export, store_int8
from .fit import fit, predicted
from .networks import rounded
from .recipes import FASHION, LARGE, WATCH

T_TEN_SUBJECTS = 2.2622
"""97.5 % point of Student's t with nine degrees of freedom."""


def train_fashion(name, epochs, out, device="cpu"):
    """Trains, tests and writes one network on Fashion-MNIST."""
    recipe = (FASHION | LARGE)[name]
    epochs = epochs or recipe.epochs
    test_x, test_y, x, y = fashion.split(fashion.images())
    prepare = lambda batch, generator: fashion.augment(batch, recipe.shift, generator)  # noqa: E731
    model, minutes = fit(recipe, fashion.as_input(x), torch.from_numpy(y), prepare, epochs, name, device)
    if recipe.stored == "int8":
        model = rounded(model)
    right = predicted(model, fashion.as_input(test_x), device) == test_y
    accuracy, shipped = right.mean(), fashion.shipped(right).mean()
    print(f"{name}: {accuracy:.4%} on the test split, {shipped:.4%} on the shipped 2,000, aim {recipe.aim:.0%}")
    path = out / f"{name}.onnx"
    export(model, path, (1, 28, 28))
    if recipe.stored == "int8":
        store_int8(path)
    cards.fashion(path, model, recipe, epochs, minutes, accuracy, shipped, device)


def fit_watch(name, epochs, train, title):
    """Trains one network on these windows. Returns network, scale and minutes."""
    recipe, scale = WATCH[name], watch.Scale(train)
    prepare = lambda batch, generator: scale(watch.augment(batch, generator))  # noqa: E731
    x, y = torch.from_numpy(train.x), torch.from_numpy(train.y)
    model, minutes = fit(recipe, x, y, prepare, epochs, title)
    return model, scale, minutes


def correct(model, scale, test):
    """Whether each window is classified rightly."""
    return predicted(model, torch.from_numpy(scale.stored(test.x)).float()) == test.y


def by_subject(right, test):
    """Subject -> accuracy."""
    return {int(s): float(right[test.subject == s].mean()) for s in np.unique(test.subject)}


def train_watch(name, epochs, out):
    """Trains a network for each fold of subjects, and writes the one that was trained without the last fold."""
    recipe, every, subjects = WATCH[name], watch.windows(), {}
    epochs = epochs or recipe.epochs
    for fold in watch.FOLDS:
        test = every.of(fold)
        model, scale, minutes = fit_watch(name, epochs, every.without(fold), f"{name} without {fold}")
        right = correct(model, scale, test)
        subjects |= by_subject(right, test)
    values = np.array(list(subjects.values()))
    mean, half = values.mean(), T_TEN_SUBJECTS * values.std(ddof=1) / len(values) ** 0.5
    shipped = right[watch.shipped_places(test)].mean()
    print(f"{name}: {right.mean():.4%} on subjects {watch.FOLDS[-1]}, {shipped:.4%} on the shipped windows, "
          f"{mean:.4%} +- {half:.4%} over ten subjects, aim {recipe.aim:.0%}")  # fmt: skip
    path = out / f"{name}.onnx"
    export(model, path, (watch.CHANNELS, watch.WINDOW))
    cards.watch(path, model, recipe, epochs, minutes, right, shipped, subjects, (mean, half))


def validate_watch(name, epochs):
    """Trains on subjects 1 to 6 and prints the accuracy on 7 and 8: what recipes were chosen by."""
    every, fold = watch.windows(), watch.FOLDS[watch.VALIDATION]
    train = every.without(fold).without(watch.FOLDS[-1])
    model, scale, _ = fit_watch(name, epochs or WATCH[name].epochs, train, f"{name}, validation")
    test = every.of(fold)
    right = correct(model, scale, test)
    print(f"{name}: {right.mean():.4%} on subjects {fold}, {by_subject(right, test)}")
