"""Reads scans and network inputs from disk, and computes the intensity scale of a scan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.lib.npyio import NpzFile

Array = numpy.ndarray[Any, Any]

TYPES = {"xcoords": "float64", "ycoords": "float64", "diff3d": "float32", "probeGuess": "complex64"}
"""The required arrays of a scan, with the types they are converted to."""

INPUTS = {"x": "float32", "positions": "float32", "probe": "complex64", "scale": "float32"}
"""The same for the inputs of a network."""


@dataclass(frozen=True)
class Scan:
    """A scan: one pattern of diffraction amplitudes for each position."""

    arrays: dict[str, Array]

    @property
    def positions(self) -> int:
        return len(self.arrays["xcoords"])

    @property
    def patterns(self) -> Array:
        return self.arrays["diff3d"]

    @property
    def places(self) -> Array:
        """Positions in pixels, horizontal and vertical."""
        return numpy.stack([self.arrays["xcoords"], self.arrays["ycoords"]], axis=1).astype("float32")

    def intensity_scale(self, nphotons: float) -> float:
        """The factor that scales the mean intensity of a pattern, its squared amplitudes, to `nphotons`."""
        intensity = numpy.sum(self.patterns.astype("float64") ** 2, axis=(1, 2))
        return math.sqrt(nphotons / float(numpy.mean(intensity)))


def read(path: str) -> Scan:
    """Reads an `.npz` file without unpickling anything."""
    arrays = _arrays(path, TYPES)
    x, y, patterns, probe = (arrays[name] for name in TYPES)
    if x.ndim != 1 or y.ndim != 1 or len(x) != len(y):
        raise ValueError(f"expected xcoords and ycoords as lists of one length, found shapes {x.shape} and {y.shape}")
    if patterns.ndim != 3 or patterns.shape[1] != patterns.shape[2]:
        raise ValueError(f"expected square patterns in diff3d, found shape {patterns.shape}")
    if probe.ndim != 2:
        raise ValueError(f"expected one image in probeGuess, found shape {probe.shape}")
    if len(patterns) != len(x):
        raise ValueError(f"expected {len(x)} patterns in diff3d, one per position, found {len(patterns)}")
    return Scan(arrays)


def inputs(path: str) -> dict[str, Array]:
    """Reads the inputs of a network from an `.npz` file, with consistent shapes."""
    arrays = _arrays(path, INPUTS)
    x = arrays["x"].shape
    if len(x) != 4 or x[2] != x[3]:
        raise ValueError(f"x must be groups of square patterns, and has the shape {x}")
    for name, shape in (("positions", (*x[:2], 1, 2)), ("probe", x[2:]), ("scale", x[:1])):
        if arrays[name].shape != shape:
            raise ValueError(f"{name} must have the shape {shape}, as x has {x}; it has {arrays[name].shape}")
    return arrays


def _arrays(path: str, types: Mapping[str, str]) -> dict[str, Array]:
    loaded = numpy.load(path, allow_pickle=False)
    if not isinstance(loaded, NpzFile):
        raise ValueError(f"expected named arrays in {path}, found a single array")
    with loaded as file:
        for name in types:
            if name not in file:
                raise KeyError(f"{path} has no {name}")
        return {name: file[name].astype(dtype, order="C") for name, dtype in types.items()}
