"""Training: a few steps of gradient descent on the measured patterns."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from .bundle import Trained
from .configuration import TrainingConfig
from .dataset import Scan
from .networks import ROLES, Network, build
from .params import Params

RATE = 0.05
"""The learning rate."""


def train(params: Params, config: TrainingConfig, scan: Scan) -> tuple[Trained, list[float]]:
    """Trains both networks; returns them with the mean loss of every epoch.

    Each learns an object that, lit by the probe, diffracts to the patterns: a real one, and one with a phase.
    """
    seed = config.subsample_seed or 0
    models = Trained((role, build(role, params.cfg, seed)) for role in ROLES)
    size, channels = params.cfg["N"], params.cfg["gridsize"] ** 2
    if scan.patterns.shape[1] != size:
        raise ValueError(f"found diff3d patterns of {scan.patterns.shape[1]} pixels a side, but N is {size}")
    patterns, probe = torch.from_numpy(scan.patterns), torch.from_numpy(scan.arrays["probeGuess"])
    places = torch.from_numpy(scan.places)
    probe = probe / _strength(probe)
    scale = 1 / _strength(patterns)
    steps = torch.optim.SGD([weight for model in models.values() for weight in model.parameters()], lr=RATE)
    shuffled = torch.Generator().manual_seed(seed % 2**63)
    losses = []
    for _ in range(config.nepochs):
        parts = []
        for group in batches(len(patterns), channels, config.batch_size, shuffled):
            offsets = places[group] - places[group].mean(dim=1, keepdim=True)
            given = patterns[group], offsets[:, :, None], probe, scale.expand(len(group))
            steps.zero_grad()
            loss = torch.stack([_loss(model, *given) for model in models.values()]).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            steps.step()
            parts.append(float(loss.detach()))
        losses.append(sum(parts) / len(parts))
    models.intensity_scale = scan.intensity_scale(config.nphotons)
    return models, losses


def batches(count: int, channels: int, size: int, shuffled: torch.Generator) -> Iterator[Tensor]:
    """Yields groups of consecutive patterns, each group once, in random order."""
    starts = torch.randperm(count, generator=shuffled)
    for part in torch.split(starts, size):
        yield (part[:, None] + torch.arange(channels)) % count


def _loss(network: Network, x: Tensor, positions: Tensor, probe: Tensor, scale: Tensor) -> Tensor:
    waves = network(x, positions, probe, scale)
    # The zero frequency is in the middle of a pattern.
    diffracted: Tensor = torch.fft.fftshift(torch.fft.fft2(waves, norm="ortho"), dim=(-2, -1))
    return functional.mse_loss(diffracted.abs(), x * scale.reshape(-1, 1, 1, 1))


def _strength(images: Tensor) -> Tensor:
    """The root mean square, which is positive even if all values are zero."""
    return images.abs().square().mean().sqrt().clamp(min=1e-12)
