"""The params: one flat configuration per process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bundleproof_adapter import ABSENT

DEFAULTS: Mapping[str, Any] = {
    "N": 128,
    "offset": 4,
    "gridsize": 2,
    "outer_offset_train": None,
    "outer_offset_test": None,
    "batch_size": 16,
    "nepochs": 60,
    "n_filters_scale": 2,
    "output_prefix": "outputs",
    "big_gridsize": 10,
    "max_position_jitter": 10,
    "sim_jitter_scale": 0.0,
    "default_probe_scale": 0.7,
    "mae_weight": 0.0,
    "nll_weight": 1.0,
    "tv_weight": 0.0,
    "realspace_mae_weight": 0.0,
    "realspace_weight": 0.0,
    "nphotons": 1e9,
    "nimgs_train": 9,
    "nimgs_test": 3,
    "data_source": "generic",
    "probe.trainable": False,
    "intensity_scale.trainable": False,
    "positions.provided": False,
    "object.big": True,
    "probe.big": False,
    "probe_scale": 10.0,
    "set_phi": False,
    "probe.mask": True,
    "pad_object": True,
    "model_type": "pinn",
    "label": "",
    "size": 392,
    "amp_activation": "sigmoid",
    "h5_path": "wts.h5",
    "npseed": 42,
    "debug": True,
    "gaussian_smoothing_sigma": 0.0,
    "use_xla_translate": True,
}
"""The params of an unconfigured process."""

DATA_SOURCES = ("lines", "grf", "experimental", "points", "testimg", "diagonals", "xpp", "V", "generic")


class Params:
    """The params of a process, with the keys that came from an archive."""

    def __init__(self) -> None:
        self.cfg: dict[str, Any] = dict(DEFAULTS)
        self._archived: set[str] = set()

    def set(self, values: Mapping[str, Any]) -> None:
        """Writes all of these values, or none if one is invalid."""
        after = {**self.cfg, **values}
        if after.get("data_source", "generic") not in DATA_SOURCES:
            raise ValueError(f"data_source must be one of {', '.join(DATA_SOURCES)}, not {after['data_source']!r}")
        if after.get("realspace_mae_weight", 0) > 0 and not after.get("realspace_weight", 0) > 0:
            raise ValueError("realspace_weight must be positive if realspace_mae_weight is")
        self._write(values)

    def get(self, key: str, default: Any = ABSENT) -> Any:
        """Returns one value; `bigN` is derived from three others on every read."""
        if key == "bigN":
            self.cfg[key] = self.cfg["N"] + (self.cfg["gridsize"] - 1) * self.cfg["offset"]
        if key in self.cfg:
            return self.cfg[key]
        if default is ABSENT:
            raise KeyError(f"unknown param {key!r}")
        return default

    def own(self, key: str) -> Any:
        """Returns a value that did not come from an archive, or None."""
        return None if key in self._archived else self.cfg.get(key)

    def bridge(self, flat: Mapping[str, Any]) -> None:
        """Writes the values of a configuration, except None."""
        self._write({key: value for key, value in flat.items() if value is not None})

    def restore(self, archived: Mapping[str, Any]) -> None:
        """Writes all archived values, including None."""
        self._write(archived)
        self._archived.update(archived)

    @contextmanager
    def unchanged_on_error(self) -> Iterator[None]:
        """Restores the params if the block raises an exception."""
        before = dict(self.cfg), set(self._archived)
        try:
            yield
        except BaseException:
            self.cfg, self._archived = before
            raise

    def _write(self, values: Mapping[str, Any]) -> None:
        self.cfg.update(values)
        self._archived.difference_update(values)
