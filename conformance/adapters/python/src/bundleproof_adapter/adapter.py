"""What an adapter is: a class with a method for each operation that it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, final

from .refusal import Kind, kind_of

Models = Mapping[str, Any]
"""Models by name, as the adapter's own objects. The very mapping that a method answers is what a later request is
given again, so that it may be a class of the adapter's own and carry more than the models."""


@dataclass(frozen=True)
class Config:
    """A configuration as it was given. Nobody has checked it: values may be wrong on purpose."""

    kind: str
    """`model`, `training`, `inference` or `execution`: ModelConfig, TrainingConfig, InferenceConfig or
    PyTorchExecutionConfig."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Fields by name, those that were given. `model` is a mapping of its own; paths are text."""


class Loaded(NamedTuple):
    """What a load answers; a plain tuple does as well."""

    models: Models
    params: Mapping[str, Any]
    """The archived ones: a mapping of their own and not that of the process."""


class LoadedModel(NamedTuple):
    """What the dispatcher's loader answers; a plain tuple does as well."""

    model: Any
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Workflow:
    """What a workflow answers."""

    models: Models
    """As training left them."""
    intensity_scale: float
    train_loss: Sequence[float]
    """One loss for each epoch."""
    amplitude: Any = None
    """The stitched image as a tensor; None without stitching."""
    phase: Any = None
    backend: str | None = None
    """The backend that ran it; None when it was not the dispatcher that was asked."""


@dataclass(frozen=True)
class Dataset:
    """What a dataset holds."""

    positions: int
    arrays: Mapping[str, Any]
    """Tensors by the names that they have on disk."""


def sentinel(name: str, text: str) -> dict[str, str]:
    """What stands in the place of a model of this name: a dict that no network is."""
    return {"_sentinel": text, "name": name}


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""No default was given, which is not the same as None."""


class Adapter(ABC):
    """An implementation under test.

    A subclass writes `reset`, `params`, and those of the operations that its implementation has. An operation that
    is not written is not offered, and no case asks for it.

    Methods take and answer Python's own objects; what is sent are descriptions of them, made by the kit. What a
    method raises is sent as a refusal, of the kind that `kind_of` says. Paths are text, and a relative one starts
    at the working directory, which `reset` has set.
    """

    name: ClassVar[str] = ""
    """What reports call it; else the name of the class."""
    version: str = "0"
    """A release, or a revision."""
    backend: str = "pytorch"
    """The backend that it saves as."""
    supports: Sequence[str] = ()
    """Further abilities. `fixture_networks`: it builds the networks that the fixtures of the suite hold. `torch`: it
    executes its networks."""

    @abstractmethod
    def reset(self) -> None:
        """Goes back to the params of a new process. The kit has forgotten every model and changed the directory."""

    @abstractmethod
    def params(self) -> Mapping[str, Any]:
        """The params of the process, every key."""

    def set_params(self, values: dict[str, Any]) -> None:
        """Writes values over the params of the process, as another part of a program would."""
        raise NotImplementedError

    def get_param(self, key: str, default: Any = ABSENT) -> Any:
        """One param. `default` is for a key that is not there."""
        raise NotImplementedError

    def validate_config(self, config: Config) -> None:
        """Holds a configuration against the rules of its kind."""
        raise NotImplementedError

    def update_legacy_dict(self, config: Config) -> None:
        """Bridges a configuration to the params of the process."""
        raise NotImplementedError

    def create_models(self, config: Config, seed: int, sentinels: dict[str, str], only: list[str] | None) -> Models:
        """Makes both networks of a configuration, or those of `only`; the same seed gives the same weights.

        A name in `sentinels` becomes a sentinel in place of a network, with this text: see `sentinel`.
        """
        raise NotImplementedError

    def save_torch_bundle(self, models: Models, base_path: str, config: Config, intensity_scale: float | None) -> None:
        """Saves as `<base_path>.zip`. `intensity_scale` is the explicit one."""
        raise NotImplementedError

    def load_torch_bundle(self, base_path: str) -> Loaded | tuple[Models, Mapping[str, Any]]:
        """Loads `<base_path>.zip`."""
        raise NotImplementedError

    def run_cdi_example_torch(self, train_data: str, config: Config) -> Workflow:
        """Bridges, trains on an `.npz` file, and persists what it trained when `output_dir` is set."""
        raise NotImplementedError

    def load_inference_bundle_torch(self, bundle_dir: str) -> Loaded | tuple[Models, Mapping[str, Any]]:
        """Loads the bundle of a directory."""
        raise NotImplementedError

    def run_cdi_example_with_backend(self, train_data: str, config: Config) -> Workflow:
        """The workflow of the backend that the configuration names."""
        raise NotImplementedError

    def load_inference_bundle_with_backend(
        self, bundle_dir: str, config: Config, model: str | None
    ) -> LoadedModel | tuple[Any, Mapping[str, Any]]:
        """Loads one model of the bundle of a directory; None means `diffraction_to_obj`."""
        raise NotImplementedError

    def load_dataset(self, path: str) -> Dataset:
        """Reads an `.npz` file."""
        raise NotImplementedError

    def forward(self, models: Models, model: str, inputs: str) -> Any:
        """What one of the models gives, as a tensor: complex64 `[B, C, N, N]`. `C` is `gridsize` squared.

        `inputs` is an `.npz` file: `x` float32 `[B, C, N, N]`, amplitudes; `positions` float32 `[B, C, 1, 2]`, offsets
        from the middle of the group in pixels, the horizontal one first; `probe` complex64 `[N, N]`; `scale` float32
        `[B]`. What the model does not take is a `mismatch`. This is asked only where `supports` has `torch`.
        """
        raise NotImplementedError

    def state_of(self, model: Any) -> Mapping[str, Any]:
        """The tensors of a model by name, or a sentinel as it is: a mapping with the key `_sentinel`.

        This knows modules of PyTorch, state dicts and sentinels.
        """
        state = model.state_dict() if callable(getattr(model, "state_dict", None)) else model
        if not isinstance(state, Mapping):
            raise TypeError(f"a {type(model).__qualname__} is no model: it has no state_dict and is no mapping")
        return state

    def kind_of(self, raised: BaseException) -> Kind | str:
        """The kind of refusal that an exception stands for."""
        return kind_of(raised)

    @final
    @property
    def operations(self) -> list[str]:
        """The operations that the class has written."""
        return [name for name in OPERATIONS if getattr(type(self), name) is not getattr(Adapter, name)]


OPERATIONS = (
    "set_params",
    "get_param",
    "validate_config",
    "update_legacy_dict",
    "create_models",
    "save_torch_bundle",
    "load_torch_bundle",
    "run_cdi_example_torch",
    "load_inference_bundle_torch",
    "run_cdi_example_with_backend",
    "load_inference_bundle_with_backend",
    "load_dataset",
    "forward",
)
"""The operations of the contract, by the names that they have on the wire."""
