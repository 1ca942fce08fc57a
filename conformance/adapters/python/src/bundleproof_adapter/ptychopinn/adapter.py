"""The operations, each of which calls the function of the system."""

from __future__ import annotations

import hashlib
import inspect
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
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
    Refused,
    Workflow,
    describe,
    sentinel,
)
from bundleproof_adapter.notation import encode

from .configuration import construct, lacks
from .era import era_of
from .system import System, call, function, takes

ROLES = ("autoencoder", "diffraction_to_obj")

MISTAKES = (AttributeError, NameError, TypeError)
"""Exceptions that mean a mistake in the program and never a refusal. `NameError` includes unbound local variables."""

WORKFLOWS = ("run_cdi_example_torch", "run_cdi_example_with_backend")

INFERENCE_LOADERS = ("load_inference_bundle_torch", "load_inference_bundle_with_backend")

SCALING_ENTRY = "torch_scaling_metadata.pt"
"""The entry that newer workflows append to a bundle. Older bundles do not have it."""

LEGACY_PROFILE = {"scale_contract_version": "legacy_v1", "measurement_domain": "normalized_amplitude"}
"""The profile that the inference loader requires for older bundles, as named in its refusal."""


class Trained(dict[str, Any]):
    """The models of a workflow, with the scale that it returned beside them."""

    def __init__(self, models: Mapping[str, Any], intensity_scale: float | None) -> None:
        super().__init__(models)
        self.intensity_scale = intensity_scale


class PtychoPinn(Adapter):
    """Calls `ptycho` and `ptycho_torch`."""

    name = "ptychopinn"
    supports = ("torch", "path_types")

    def __init__(self, system: System) -> None:
        self._system = system
        self.version = system.revision
        self.versions = system.versions
        self.era = era_of(system)
        self._functions = {
            name: function(module, name)
            for module, names in (
                (system.model_manager, ("save_torch_bundle", "load_torch_bundle")),
                (system.components, ("run_cdi_example_torch", "load_inference_bundle_torch")),
                (
                    system.backend_selector,
                    ("run_cdi_example_with_backend", "load_inference_bundle_with_backend"),
                ),
            )
            for name in names
        }
        self._build = function(system.model_manager, "create_torch_model_with_gridsize")
        self._network = function(system.model, "PtychoPINN_Lightning")
        self.missing = [name for name, found in self._functions.items() if found is None]
        if self._network is None:
            self.missing.append("forward")
        self.notes = list(self._notes())

    def _notes(self) -> Iterator[str]:
        """What the adapter does for a caller, as far as it applies to this revision."""
        workflows = [name for name in WORKFLOWS if self._functions[name] is not None]
        if workflows:
            yield "reads the dataset before it calls a workflow, which takes data and no path"
            yield "sets train_data_file of a workflow's configuration to the dataset if the case sets none"
        save = self._functions["save_torch_bundle"]
        if workflows and save is not None and takes(save, "intensity_scale"):
            yield "states the scale that a workflow returned when it saves the models of that workflow without another"
        loaders = [self._functions[name] for name in INFERENCE_LOADERS]
        if any(loader is not None and takes(loader, next(iter(LEGACY_PROFILE))) for loader in loaders):
            yield f"states the profile {', '.join(LEGACY_PROFILE.values())} for a bundle without {SCALING_ENTRY}"
        if lacks(self._system.config, "training", "backend"):
            yield "leaves out backend = pytorch, which configurations of this revision do not have"
        if self._build is None and self._network is not None:
            yield "builds networks from PtychoPINN_Lightning itself: this revision has no function that does"

    def reset(self) -> None:
        self._system.reset()

    def params(self) -> dict[str, Any]:
        return _spelled(self._system.params.cfg)

    def set_params(self, values: dict[str, Any]) -> None:
        # One key at a time is checked against the others, so the weight that another one needs comes first.
        params, taken = self._system.params, {}
        for key in sorted(values, key=lambda key: key == "realspace_mae_weight"):
            before = params.cfg.get(key, ABSENT)
            try:
                params.set(key, values[key])
            except Exception:
                # Several keys are one request here. What the system does to the refused key is its own.
                for name, value in taken.items():
                    if value is ABSENT:
                        del params.cfg[name]
                    else:
                        params.cfg[name] = value
                raise
            taken[key] = before

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
        models: dict[str, Any] = {}
        with torch.random.fork_rng(devices=[]):
            # PyTorch takes 32 bits of a seed.
            digest = hashlib.sha256(str(seed).encode()).digest()
            torch.manual_seed(int.from_bytes(digest[:4], "little"))
            for name in ROLES if only is None else only:
                if name in sentinels:
                    models[name] = sentinel(name, sentinels[name])
                else:
                    models[name] = self._built(flat)
        return models

    def _built(self, flat: Mapping[str, Any]) -> Any:
        if self._build is not None:
            return call(self._build, gridsize=flat["gridsize"], N=flat["N"], where_known={"params_dict": flat})
        if self._network is None:
            raise NotImplementedError("this revision has no networks of PyTorch")
        # The sizes that the shapes of the weights depend on; everything else has the revision's default.
        configs, channels = self._system.config_params, flat["gridsize"] ** 2
        assert configs is not None, "the networks are built from it"
        return self._network(
            configs.ModelConfig(
                n_filters_scale=flat["n_filters_scale"],
                object_big=flat["object.big"],
                C_model=channels,
                C_forward=channels,
            ),
            configs.DataConfig(N=flat["N"], C=channels, grid_size=(flat["gridsize"], flat["gridsize"])),
            configs.TrainingConfig(),
            configs.InferenceConfig(),
        )

    def save_torch_bundle(self, models: Models, base_path: str, config: Config, intensity_scale: float | None) -> None:
        # A caller of the system passes the scale of the results, as its own workflows do.
        if intensity_scale is None and isinstance(models, Trained):
            intensity_scale = models.intensity_scale
        save = self._function("save_torch_bundle")
        stated = {"intensity_scale": intensity_scale}
        if intensity_scale is not None and not takes(save, "intensity_scale"):
            raise NotImplementedError("save_torch_bundle of this revision takes no intensity_scale")
        call(save, dict(models), base_path, self._construct(config), where_known=stated)

    def load_torch_bundle(self, base_path: str) -> Loaded:
        load = self._function("load_torch_bundle")
        return _loaded(load, call(load, base_path))

    def run_cdi_example_torch(self, train_data: str, config: Config) -> Workflow:
        return self._run("run_cdi_example_torch", train_data, config)

    def load_inference_bundle_torch(self, bundle_dir: str) -> Loaded:
        load = self._function("load_inference_bundle_torch")
        # By position, because the parameter was called `model_dir` at first.
        return _loaded(load, call(load, bundle_dir, where_known=_profile(bundle_dir)))

    def run_cdi_example_with_backend(self, train_data: str, config: Config) -> Workflow:
        return self._run("run_cdi_example_with_backend", train_data, config)

    def load_inference_bundle_with_backend(self, bundle_dir: str, config: Config, model: str | None) -> LoadedModel:
        load = self._function("load_inference_bundle_with_backend")
        named = {} if model is None else {"model_name": model}
        loaded, params = call(
            load, bundle_dir, self._construct(config), where_known=_profile(bundle_dir), **named
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
            try:
                return network.forward_predict(x, positions, probe, scale.reshape(-1, 1, 1, 1))
            except RuntimeError as raised:
                # The layers of PyTorch have no other exception for inputs that do not fit.
                if _modules(raised)[-1].startswith("torch.nn."):
                    raise Refused(Kind.MISMATCH, str(raised)) from raised
                raise

    def kind_of(self, raised: BaseException) -> Kind | str:
        # The params and the dataset reader use assertions for invalid values.
        if isinstance(raised, AssertionError):
            return Kind.INVALID_VALUE
        # torch.save has no exception of its own for a file that it cannot write, nor has torch.load for one that it cannot
        # read, nor have the parts of PyTorch that it calls for a tensor that cannot be.
        if type(raised) is RuntimeError and "torch.serialization" in _modules(raised):
            return Kind.IO if ("torch.serialization", "save") in _functions(raised) else Kind.MALFORMED
        # A workflow wraps what went wrong, for instance with its output directory.
        if type(raised) is RuntimeError and isinstance(raised.__cause__, OSError):
            return super().kind_of(raised.__cause__)
        # The loader raises RuntimeError for mismatches. Any other RuntimeError from PyTorch itself is not a refusal, nor
        # is one that wraps a mistake of the program or any failure inside Lightning.
        if type(raised) is RuntimeError and _modules(raised)[-1].startswith("ptycho"):
            cause = raised.__cause__
            within = [] if cause is None else _modules(cause)
            if not isinstance(cause, MISTAKES) and not any(module.startswith("lightning") for module in within):
                return Kind.MISMATCH
        return super().kind_of(raised)

    def _construct(self, config: Config) -> Any:
        return construct(self._system.config, config)

    def _function(self, name: str) -> Callable[..., Any]:
        found = self._functions[name]
        # The operation is not among those of the adapter then, and the server has refused it.
        assert found is not None, f"this revision has no {name}"
        return found

    def _run(self, name: str, train_data: str, config: Config) -> Workflow:
        # The workflow reads the size of the probe from the configured file, which usually is the file of the data.
        if config.kind == "training" and config.values.get("train_data_file") is None:
            config = Config(config.kind, {**config.values, "train_data_file": train_data})
        data = self._system.raw_data.RawData.from_file(train_data)
        amplitude, phase, results = self._function(name)(data, None, self._construct(config))
        scale = results.get("intensity_scale")
        return Workflow(
            models=Trained(results.get("models", {}), scale),
            intensity_scale=scale,
            train_loss=results["history"]["train_loss"],
            amplitude=amplitude,
            phase=phase,
            backend=results.get("backend"),
        )


def _loaded(load: Callable[..., Any], result: tuple[Any, Mapping[str, Any]]) -> Loaded:
    """The models by name; older loaders return the one that their parameter `model_name` names."""
    models, params = result
    if not isinstance(models, Mapping) or "_sentinel" in models:
        name = inspect.signature(load).parameters.get("model_name")
        models = {str(name.default) if name is not None and name.default else ROLES[-1]: models}
    return Loaded(models, _spelled(params))


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
    return [module for module, _ in _functions(raised)] or [""]


def _functions(raised: BaseException) -> list[tuple[str, str]]:
    """The functions of the traceback, each with its module."""
    frames = [frame for frame, _ in traceback.walk_tb(raised.__traceback__)]
    return [(str(frame.f_globals.get("__name__", "")), frame.f_code.co_name) for frame in frames]
