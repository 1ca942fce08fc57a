"""The operations of the adapter."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import replace
from typing import Any

import torch

from bundleproof_adapter import (
    ABSENT,
    Adapter,
    Config,
    Dataset,
    Kind,
    Loaded,
    LoadedModel,
    Models,
    Refused,
    Workflow,
    sentinel,
)

from . import bundle, dataset
from .bundle import BACKEND
from .configuration import TrainingConfig, construct, flatten
from .networks import ROLES, TO_OBJECT, Network, build
from .params import Params
from .rules import validate
from .training import train

BACKENDS = ("tensorflow", BACKEND)


class PlainTorch(Adapter):
    """Bundles and workflows with plain PyTorch."""

    name = "plain_torch"
    version = "0.1.0"
    supports = ("fixture_networks", "torch", "path_types", "events")
    versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy", "dill")}

    def __init__(self) -> None:
        # One thread, so that training gives the same weights on any number of processors.
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        self._params = Params()

    def reset(self) -> None:
        self._params = Params()

    def params(self) -> dict[str, Any]:
        return self._params.cfg

    def set_params(self, values: dict[str, Any]) -> None:
        self._params.set(values)

    def get_param(self, key: str, default: Any = ABSENT) -> Any:
        return self._params.get(key, default)

    def validate_config(self, config: Config) -> None:
        validate(construct(config))

    def update_legacy_dict(self, config: Config) -> None:
        self._params.bridge(flatten(construct(config)))

    def create_models(self, config: Config, seed: int, sentinels: dict[str, str], only: list[str] | None) -> Models:
        # A copy of the params, because creating networks must not change those of the process.
        own = Params()
        own.bridge(flatten(construct(config)))
        return bundle.Trained(
            (name, sentinel(name, sentinels[name]) if name in sentinels else build(name, own.cfg, seed))
            for name in (ROLES if only is None else only)
        )

    def save_torch_bundle(self, models: Models, base_path: str, config: Config, intensity_scale: float | None) -> None:
        bundle.save(self._params, models, base_path, flatten(construct(config)), intensity_scale)

    def load_torch_bundle(self, base_path: str) -> Loaded:
        return Loaded(*bundle.load(self._params, base_path))

    def run_cdi_example_torch(self, train_data: str, config: Config) -> Workflow:
        constructed = construct(config)
        if not isinstance(constructed, TrainingConfig):
            raise ValueError(f"expected a training configuration, found {config.kind}")
        flat = flatten(constructed)
        with self._params.unchanged_on_error():
            self.event("bridge")
            self._params.bridge(flat)
            scan = dataset.read(train_data)
            self.event("train")
            models, losses = train(self._params, constructed, scan)
            if constructed.output_dir:
                self.event("persist")
                bundle.save(self._params, models, os.path.join(constructed.output_dir, "wts.h5"), flat, None)
        return Workflow(models, scan.intensity_scale(constructed.nphotons), losses)

    def load_inference_bundle_torch(self, bundle_dir: str) -> Loaded:
        return self.load_torch_bundle(os.path.join(bundle_dir, "wts.h5"))

    def run_cdi_example_with_backend(self, train_data: str, config: Config) -> Workflow:
        backend, config = _named_backend(config)
        with self._params.unchanged_on_error():
            self._params.bridge({**flatten(construct(config)), "backend": backend})
            _own_backend(backend)
            return replace(self.run_cdi_example_torch(train_data, config), backend=backend)

    def load_inference_bundle_with_backend(self, bundle_dir: str, config: Config, model: str | None) -> LoadedModel:
        backend, config = _named_backend(config)
        construct(config)
        _own_backend(backend)
        wanted = TO_OBJECT if model is None else model
        with self._params.unchanged_on_error():
            models, params = self.load_inference_bundle_torch(bundle_dir)
            if wanted not in models:
                raise KeyError(f"the bundle has no model {wanted!r}; expected one of {', '.join(models)}")
        return LoadedModel(models[wanted], params)

    def load_dataset(self, path: str) -> Dataset:
        scan = dataset.read(path)
        return Dataset(scan.positions, scan.arrays)

    def forward(self, models: Models, model: str, inputs: str) -> torch.Tensor:
        network = models.get(model)
        if not isinstance(network, Network):
            raise ValueError(f"unknown network {model!r}; expected one of {', '.join(models)}")
        given = {name: torch.from_numpy(array) for name, array in dataset.inputs(inputs).items()}
        network.eval()
        with torch.no_grad():
            waves: torch.Tensor = network(**given)
        return waves


def _named_backend(config: Config) -> tuple[Any, Config]:
    """Returns the backend in a configuration, valid or not, and the configuration for this backend."""
    named = config.values.get("backend", BACKENDS[0])
    return named, Config(config.kind, {**config.values, "backend": BACKEND})


def _own_backend(backend: Any) -> None:
    if backend not in BACKENDS:
        raise ValueError(f"backend must be {' or '.join(BACKENDS)}, not {backend!r}")
    if backend != BACKEND:
        raise Refused(Kind.UNSUPPORTED, f"this implementation does not support the backend {backend}")
