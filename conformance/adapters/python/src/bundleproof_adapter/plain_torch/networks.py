"""The two networks, with the same tensor names as the fixtures."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bundleproof_adapter import Kind, Refused

AUTOENCODER, TO_OBJECT = ROLES = ("autoencoder", "diffraction_to_obj")

ARCHITECTURE = "cnn"

LEVELS = {64: 3, 128: 4, 256: 5}
"""Number of levels that halve the size, by `N`."""

MAX_FACTOR = 64
"""Maximum `gridsize` and `n_filters_scale`, which multiply sizes and come from untrusted archives."""


class Encoding(nn.Module):
    """An encoder level: halves the size, adds channels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, images: Tensor) -> Tensor:
        return functional.max_pool2d(functional.relu(self.norm(self.conv(images))), 2)


class Decoding(nn.Module):
    """A decoder level: doubles the size, removes channels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.conv(functional.interpolate(images, scale_factor=2, mode="nearest")))


class Network(nn.Module):
    """An encoder, a decoder, and a convolution for each part of the object."""

    def __init__(self, params: Mapping[str, Any], outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.channels = channels = _factor(params, "gridsize") ** 2
        first = 4 * _factor(params, "n_filters_scale")
        if "N" not in params:
            raise KeyError("missing N: cannot build a network")
        if type(params["N"]) is not int or params["N"] not in LEVELS:
            raise ValueError(f"cannot build a network: N must be 64, 128 or 256, not {params['N']!r}")
        self.size: int = params["N"]
        widths = [first << level for level in range(LEVELS[self.size])]
        inward, outward = [channels, *widths], [*reversed(widths), first]
        self.encoder = nn.ModuleList(map(Encoding, inward, inward[1:]))
        self.decoder = nn.ModuleList(map(Decoding, outward, outward[1:]))
        self.outputs = outputs
        for name in outputs:
            self.add_module(name, nn.Conv2d(first, channels, 3, padding=1))

    def forward(self, x: Tensor, positions: Tensor, probe: Tensor, scale: Tensor) -> Tensor:
        """The waves behind the object: for each pattern the object at its position, times the probe.

        `x` is `[B, C, N, N]`, `positions` `[B, C, 1, 2]`, `probe` `[N, N]` and `scale` `[B]`.
        """
        if x.shape[1:] != (self.channels, self.size, self.size):
            takes = f"{self.channels} channels of {self.size} x {self.size} pixels"
            given = f"{x.shape[1]} of {x.shape[2]} x {x.shape[3]}"
            raise Refused(Kind.MISMATCH, f"the network takes {takes}, and was given {given}")
        images = x * scale.reshape(-1, 1, 1, 1)
        for step in (*self.encoder, *self.decoder):
            images = step(images)
        return moved(self._object(images), positions) * probe

    def _object(self, images: Tensor) -> Tensor:
        first, *phase = (self.get_submodule(name)(images) for name in self.outputs)
        amplitude = functional.softplus(first)
        if not phase:
            return torch.complex(amplitude, torch.zeros_like(amplitude))
        return torch.polar(amplitude, torch.tanh(phase[0]) * math.pi)


def moved(images: Tensor, offsets: Tensor) -> Tensor:
    """Shifts each image by its offset, also by fractions of a pixel, with a phase ramp on its spectrum."""
    size = images.shape[-1]
    frequencies = torch.fft.fftfreq(size, dtype=torch.float32)
    across, down = offsets[..., 0, None], offsets[..., 1, None]
    turns = across * frequencies.reshape(1, size) + down * frequencies.reshape(size, 1)
    ramp = torch.polar(torch.ones_like(turns), turns * (-2 * math.pi))
    spectrum: Tensor = torch.fft.fft2(images)
    result: Tensor = torch.fft.ifft2(spectrum * ramp)
    return result


OUTPUTS = {AUTOENCODER: ("head",), TO_OBJECT: ("amplitude", "phase")}


def build(role: str, params: Mapping[str, Any], seed: int = 0) -> Network:
    """Builds the network of a role from the params; the same seed gives the same weights."""
    if role not in OUTPUTS:
        raise Refused(Kind.UNSUPPORTED, f"unknown network {role!r}; expected one of {', '.join(ROLES)}")
    architecture = params.get("architecture", ARCHITECTURE)
    if architecture != ARCHITECTURE:
        raise Refused(Kind.UNSUPPORTED, f"unsupported architecture {architecture!r}; only {ARCHITECTURE} is built")
    # Each role has its own seed, so its weights do not depend on whether the other network is built.
    start = int.from_bytes(hashlib.sha256(f"{seed} {role}".encode()).digest()[:8], "little")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(start)
        return Network(params, OUTPUTS[role])


def fill(network: Network, role: str, state: Mapping[str, Tensor]) -> None:
    """Loads saved weights into a network if all names, types and shapes match exactly."""
    own = network.state_dict()
    # `load_state_dict` would silently convert types.
    odd = [f"{name} is missing" for name in own if name not in state]
    odd += [f"{name} is not in the network" for name in state if name not in own]
    odd += [
        f"{name} is {_layout(state[name])}, the network has {_layout(own[name])}"
        for name in own
        if name in state and _layout(state[name]) != _layout(own[name])
    ]
    if odd:
        shown = "; ".join(odd[:5]) + (f"; and {len(odd) - 5} more" if odd[5:] else "")
        raise Refused(Kind.MISMATCH, f"the saved weights do not fit the network {role}: {shown}")
    network.load_state_dict(state, strict=True)


def _factor(params: Mapping[str, Any], key: str) -> int:
    if key not in params:
        raise KeyError(f"missing {key}: cannot build a network")
    value = params[key]
    if type(value) is not int or not 1 <= value <= MAX_FACTOR:
        raise ValueError(f"cannot build a network: {key} must be from 1 to {MAX_FACTOR}, not {value!r}")
    return value


def _layout(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
