"""Scans on disk, and what can be computed from one without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.lib.npyio import NpzFile

Array = numpy.ndarray[Any, Any]

TYPES = {"xcoords": "float64", "ycoords": "float64", "diff3d": "float32", "probeGuess": "complex64"}
"""The arrays that a scan must have, and what they are read as."""


@dataclass(frozen=True)
class Scan:
    """One pattern of diffracted amplitude for each position."""

    arrays: dict[str, Array]

    @property
    def positions(self) -> int:
        return len(self.arrays["xcoords"])

    @property
    def patterns(self) -> Array:
        return self.arrays["diff3d"]

    def intensity_scale(self, nphotons: float) -> float:
        """What brings the mean intensity of a pattern to `nphotons`. Patterns are amplitudes: it comes of squares."""
        intensity = numpy.sum(self.patterns.astype("float64") ** 2, axis=(1, 2))
        return math.sqrt(nphotons / float(numpy.mean(intensity)))


def read(path: str) -> Scan:
    """Reads an `.npz` file. No pickle in it is opened."""
    loaded = numpy.load(path, allow_pickle=False)
    if not isinstance(loaded, NpzFile):
        raise ValueError(f"{path} is one array, not a dataset of several")
    with loaded as file:
        for name in TYPES:
            if name not in file:
                raise KeyError(f"the dataset has no {name}")
        arrays = {name: file[name].astype(dtype) for name, dtype in TYPES.items()}
    x, y, patterns, probe = (arrays[name] for name in TYPES)
    if x.ndim != 1 or y.ndim != 1 or len(x) != len(y):
        raise ValueError(f"xcoords {x.shape} and ycoords {y.shape} must be two lists of one length")
    if patterns.ndim != 3 or patterns.shape[1] != patterns.shape[2]:
        raise ValueError(f"diff3d must be square patterns, and has the shape {patterns.shape}")
    if probe.ndim != 2:
        raise ValueError(f"probeGuess must be one image, and has the shape {probe.shape}")
    if len(patterns) != len(x):
        raise ValueError(f"diff3d holds {len(patterns)} patterns for {len(x)} positions")
    return Scan(arrays)
