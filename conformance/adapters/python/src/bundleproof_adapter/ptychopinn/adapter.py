"""The operations, each of which calls the function of the system."""

from __future__ import annotations

import traceback
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundleproof_adapter import (
    ABSENT,
    Adapter,
    Config,
    Dataset,
    Kind,
    Loaded,
    LoadedModel,
    Models,
    Workflow,
    describe,
    sentinel,
)
from bundleproof_adapter.notation import encode

from .configuration import construct
from .system import System, call

ROLES = ("autoencoder", "diffraction_to_obj")

SCALING_ENTRY = "torch_scaling_metadata.pt"
"""The entry that newer workflows append to a bundle. Older bundles do not have it."""

LEGACY_PROFILE = {"scale_contract_version": "legacy_v1", "measurement_domain": "normalized_amplitude"}
"""The profile that the inference loader requires for older bundles, as named in its refusal."""


class PtychoPinn(Adapter):
    """Calls `ptycho` and `ptycho_torch`."""

    name = "ptychopinn"
    supports = ("torch",)

    def __init__(self, system: System) -> None:
        self._system = system
        self.version = system.revision

    def reset(self) -> None:
        self._system.reset()

    def params(self) -> dict[str, Any]:
        return _spelled(self._system.params.cfg)

    def set_params(self, values: dict[str, Any]) -> None:
        for key, value in values.items():
            self._system.params.set(key, value)

    def get_param(self, key: str, default: Any = ABSENT) -> Any:
        return self._system.params.get(key, *([] if default is ABSENT else [default]))

    def validate_config(self, config: Config) -> None:
        constructed = self._construct(config)
        # Execution configurations are validated when they are constructed.
        if config.kind != "execution":
            getattr(self._system.config, f"validate_{config.kind}_config")(constructed)

    def update_legacy_dict(self, config: Config) -> None:
        self._system.config.update_legacy_dict(self._system.params.cfg, self._construct(config))

    def create_models(self, config: Config, seed: int, sentinels: dict[str, str], only: list[str] | None) -> Models:
        import torch

        flat = self._system.config.dataclass_to_legacy_dict(self._construct(config))
        build = self._system.model_manager.create_torch_model_with_gridsize
        models: dict[str, Any] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for name in ROLES if only is None else only:
                if name in sentinels:
                    models[name] = sentinel(name, sentinels[name])
                else:
                    models[name] = call(build, gridsize=flat["gridsize"], N=flat["N"], params_dict=flat)
        return models

    def save_torch_bundle(self, models: Models, base_path: str, config: Config, intensity_scale: float | None) -> None:
        self._system.model_manager.save_torch_bundle(
            models_dict=models, base_path=base_path, config=self._construct(config), intensity_scale=intensity_scale
        )

    def load_torch_bundle(self, base_path: str) -> Loaded:
        models, params = self._system.model_manager.load_torch_bundle(base_path)
        return Loaded(models, _spelled(params))

    def run_cdi_example_torch(self, train_data: str, config: Config) -> Workflow:
        return self._run(self._system.components.run_cdi_example_torch, train_data, config)

    def load_inference_bundle_torch(self, bundle_dir: str) -> Loaded:
        load = self._system.components.load_inference_bundle_torch
        models, params = call(load, bundle_dir=bundle_dir, where_known=_profile(bundle_dir))
        return Loaded(models, _spelled(params))

    def run_cdi_example_with_backend(self, train_data: str, config: Config) -> Workflow:
        return self._run(self._system.backend_selector.run_cdi_example_with_backend, train_data, config)

    def load_inference_bundle_with_backend(self, bundle_dir: str, config: Config, model: str | None) -> LoadedModel:
        load = self._system.backend_selector.load_inference_bundle_with_backend
        named = {} if model is None else {"model_name": model}
        loaded, params = call(
            load, bundle_dir=bundle_dir, config=self._construct(config), where_known=_profile(bundle_dir), **named
        )
        return LoadedModel(loaded, _spelled(params))

    def load_dataset(self, path: str) -> Dataset:
        data = self._system.raw_data.RawData.from_file(path)
        names = ("xcoords", "ycoords", "diff3d", "probeGuess")
        return Dataset(len(data.xcoords), {name: getattr(data, name) for name in names})

    def forward(self, models: Models, model: str, inputs: str) -> Any:
        import numpy
        import torch

        network: Any = models[model]
        if not hasattr(network, "forward_predict"):
            raise ValueError(f"expected a network as {model}, found {network!r}")
        with numpy.load(inputs, allow_pickle=False) as file:
            names = ("x", "positions", "probe", "scale")
            x, positions, probe, scale = (torch.from_numpy(file[name]) for name in names)
        network.eval()
        with torch.no_grad():
            # The inference path; `forward` is for training and returns diffraction. It takes one scale per group, in
            # the shape of the patterns.
            return network.forward_predict(x, positions, probe, scale.reshape(-1, 1, 1, 1))

    def kind_of(self, raised: BaseException) -> Kind | str:
        # The params and the dataset reader use assertions for invalid values.
        if isinstance(raised, AssertionError):
            return Kind.INVALID_VALUE
        # The loader raises RuntimeError for mismatches. A RuntimeError from PyTorch itself is not a refusal, nor is one
        # that wraps any failure inside Lightning.
        if type(raised) is RuntimeError and _modules(raised)[-1].startswith("ptycho"):
            within = [] if raised.__cause__ is None else _modules(raised.__cause__)
            if not any(module.startswith("lightning") for module in within):
                return Kind.MISMATCH
        return super().kind_of(raised)

    def _construct(self, config: Config) -> Any:
        return construct(self._system.config, config)

    def _run(self, workflow: Any, train_data: str, config: Config) -> Workflow:
        # The workflow reads the size of the probe from the configured file, which usually is the file of the data.
        if config.kind == "training" and config.values.get("train_data_file") is None:
            config = Config(config.kind, {**config.values, "train_data_file": train_data})
        data = self._system.raw_data.RawData.from_file(train_data)
        amplitude, phase, results = workflow(data, None, self._construct(config))
        return Workflow(
            models=results.get("models", {}),
            intensity_scale=results.get("intensity_scale"),
            train_loss=results["history"]["train_loss"],
            amplitude=amplitude,
            phase=phase,
            backend=results.get("backend"),
        )


def _profile(bundle_dir: str) -> dict[str, Any]:
    """The profile that a caller must pass for the bundle in a directory."""
    try:
        with zipfile.ZipFile(Path(bundle_dir, "wts.h5.zip")) as archive:
            return {} if SCALING_ENTRY in archive.namelist() else LEGACY_PROFILE
    except (OSError, zipfile.BadZipFile):
        # The bundle is missing or unreadable, which the loader will report.
        return LEGACY_PROFILE


def _spelled(params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the params with descriptions instead of arrays and tensors, such as a probe."""
    spelled = {}
    for key, value in params.items():
        try:
            encode(value)
        except TypeError:
            value = describe(value)
        spelled[key] = value
    return spelled


def _modules(raised: BaseException) -> list[str]:
    """The modules of the traceback; the last one raised the exception."""
    frames = [frame for frame, _ in traceback.walk_tb(raised.__traceback__)]
    return [str(frame.f_globals.get("__name__", "")) for frame in frames] or [""]
