"""Training: a few steps of gradient descent on what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .bundle import Trained
from .configuration import TrainingConfig
from .dataset import Scan
from .networks import AUTOENCODER, ROLES, TO_OBJECT, Network, build, object_of
from .params import Params

RATE = 0.05
"""How far a step goes along the gradient."""


def train(params: Params, config: TrainingConfig, scan: Scan) -> tuple[Trained, list[float]]:
    """Both networks as training left them, and the mean loss of every epoch.

    The autoencoder learns to answer the patterns that it was shown. The other network learns an object that, lit by
    the probe, diffracts to them.
    """
    seed = config.subsample_seed or 0
    models = Trained((role, build(role, params.cfg, seed)) for role in ROLES)
    size, channels = params.cfg["N"], params.cfg["gridsize"] ** 2
    if scan.patterns.shape[1] != size:
        raise ValueError(f"diff3d holds patterns of {scan.patterns.shape[1]} pixels a side, and N is {size}")
    patterns = torch.from_numpy(scan.patterns) / max(float(scan.patterns.max()), 1e-12)
    probe = torch.from_numpy(scan.arrays["probeGuess"])
    steps = torch.optim.SGD([weight for model in models.values() for weight in model.parameters()], lr=RATE)
    shuffled = torch.Generator().manual_seed(seed % 2**63)
    losses = []
    for _ in range(config.nepochs):
        parts = []
        for batch in batches(patterns, channels, config.batch_size, shuffled):
            steps.zero_grad()
            loss = _autoencoding(models[AUTOENCODER], batch) + _diffracting(models[TO_OBJECT], batch, probe)
            loss.backward()  # type: ignore[no-untyped-call]
            steps.step()
            parts.append(float(loss.detach()))
        losses.append(sum(parts) / len(parts))
    models.intensity_scale = scan.intensity_scale(config.nphotons)
    return models, losses


def batches(patterns: Tensor, channels: int, size: int, shuffled: torch.Generator) -> Iterator[Tensor]:
    """Groups of patterns that follow one another in the scan, each group once, in an order that is drawn."""
    starts = torch.randperm(len(patterns), generator=shuffled)
    for part in torch.split(starts, size):
        places = (part[:, None] + torch.arange(channels)) % len(patterns)
        yield patterns[places]


def _autoencoding(network: Network, batch: Tensor) -> Tensor:
    (answer,) = network(batch)
    return functional.mse_loss(answer, batch)


def _diffracting(network: Network, batch: Tensor, probe: Tensor) -> Tensor:
    wave = object_of(*network(batch)) * probe
    diffracted: Any = torch.fft.fftshift(torch.fft.fft2(wave, norm="ortho"), dim=(-2, -1))
    return functional.mse_loss(diffracted.abs(), batch)
