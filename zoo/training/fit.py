"""The training loop, which nothing that is held out chooses or stops."""

import time

import torch
from torch.nn import functional as F

from .recipes import SEED


def fit(recipe, x, y, prepare, epochs, title, device="cpu"):
    """Trains a new network on `x` [n,...] and `y` [n]; `prepare(batch, generator)` augments and makes the input.

    Returns the network after the last epoch and the minutes it took."""
    torch.manual_seed(SEED)
    # What a GPU has no deterministic kernel for gives a warning.
    torch.use_deterministic_algorithms(True, warn_only=device != "cpu")
    generator = torch.Generator().manual_seed(SEED)
    model, x, y = recipe.build().to(device), x.to(device), y.to(device)
    steps = len(x) // recipe.batch
    optimiser = torch.optim.AdamW(model.parameters(), recipe.peak, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.peak, epochs * steps)
    start = time.time()
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for part in torch.randperm(len(x), generator=generator)[: steps * recipe.batch].split(recipe.batch):
            loss = F.cross_entropy(model(prepare(x[part], generator)), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"{title} {epoch + 1}/{epochs}: loss {total / steps:.4f}, {time.time() - start:.0f} s", flush=True)
    return model.cpu().eval(), (time.time() - start) / 60


@torch.no_grad()
def predicted(model, x, device="cpu"):
    """The class of every input of `x` [n,...]."""
    model.to(device).eval()
    classes = torch.cat([model(part.to(device)).argmax(1).cpu() for part in x.split(500)]).numpy()
    model.cpu()
    return classes
