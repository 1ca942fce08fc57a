"""The operations, each a call of the system's own function."""

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
"""What newer workflows append to a bundle. A bundle without it is one of the older kind."""

LEGACY_PROFILE = {"scale_contract_version": "legacy_v1", "measurement_domain": "normalized_amplitude"}
"""What the inference loader asks its caller to state for a bundle of the older kind, in the words of its refusal."""


class PtychoPinn(Adapter):
    """Drives `ptycho` and `ptycho_torch`."""

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
        # One that says how to run is validated when it is constructed.
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
            raise ValueError(f"{model} is no network: {network!r}")
        with numpy.load(inputs, allow_pickle=False) as file:
            names = ("x", "positions", "probe", "scale")
            x, positions, probe, scale = (torch.from_numpy(file[name]) for name in names)
        network.eval()
        with torch.no_grad():
            # The way of a network in inference; its `forward` is for training, and answers diffraction. It takes one
            # scale for each group, in the shape of the patterns.
            return network.forward_predict(x, positions, probe, scale.reshape(-1, 1, 1, 1))

    def kind_of(self, raised: BaseException) -> Kind | str:
        # The params and the reader of datasets refuse values by assertions.
        if isinstance(raised, AssertionError):
            return Kind.INVALID_VALUE
        # The loader says by a RuntimeError what does not fit. One of PyTorch that it lets through is no refusal, and
        # neither is the one that stands for whatever went wrong inside of Lightning.
        if type(raised) is RuntimeError and _modules(raised)[-1].startswith("ptycho"):
            within = [] if raised.__cause__ is None else _modules(raised.__cause__)
            if not any(module.startswith("lightning") for module in within):
                return Kind.MISMATCH
        return super().kind_of(raised)

    def _construct(self, config: Config) -> Any:
        return construct(self._system.config, config)

    def _run(self, workflow: Any, train_data: str, config: Config) -> Workflow:
        # The workflow reads the size of the probe from the file that the configuration names, which in a program
        # is the one that the data came from.
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
    """What a caller has to state about the bundle of a directory."""
    try:
        with zipfile.ZipFile(Path(bundle_dir, "wts.h5.zip")) as archive:
            return {} if SCALING_ENTRY in archive.namelist() else LEGACY_PROFILE
    except (OSError, zipfile.BadZipFile):
        # There is none, or it cannot be read: that is for the loader to say.
        return LEGACY_PROFILE


def _spelled(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params with arrays and tensors, such as a probe, as their descriptions: they are no values."""
    spelled = {}
    for key, value in params.items():
        try:
            encode(value)
        except TypeError:
            value = describe(value)
        spelled[key] = value
    return spelled


def _modules(raised: BaseException) -> list[str]:
    """The modules that it came through, the one that raised it last."""
    frames = [frame for frame, _ in traceback.walk_tb(raised.__traceback__)]
    return [str(frame.f_globals.get("__name__", "")) for frame in frames] or [""]
