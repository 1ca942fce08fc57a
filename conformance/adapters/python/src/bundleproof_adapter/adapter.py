"""The base class of adapters, with a method for each operation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, final

from .refusal import Kind, kind_of
from .results import WrongResult

Models = Mapping[str, Any]
"""Models by name, as objects of the adapter. Later requests get the same mapping that a method returned, so it may be a
class of the adapter with more data than the models."""


class PlainText(str):
    """Text that a case gives, as text, to a field of a configuration that is meant for a path."""


@dataclass(frozen=True)
class Config:
    """A configuration of a case. It is not validated: values may be invalid on purpose."""

    kind: str
    """`model`, `training`, `inference` or `execution`: ModelConfig, TrainingConfig, InferenceConfig or
    PyTorchExecutionConfig."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The given fields by name. `model` is a nested mapping. Paths are text, or a `Path` where the case gives one;
    `PlainText` is text that must not be made a path of."""


class Loaded(NamedTuple):
    """The result of a load; a plain tuple is fine too."""

    models: Models
    params: Mapping[str, Any]
    """The archived params, not those of the process."""


class LoadedModel(NamedTuple):
    """The result of the dispatcher's loader; a plain tuple is fine too."""

    model: Any
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Workflow:
    """The result of a workflow."""

    models: Models
    """The trained models."""
    intensity_scale: float | None
    """None if the results have none."""
    train_loss: Sequence[float]
    """The loss of each epoch."""
    amplitude: Any = None
    """The stitched image as a tensor; None without stitching."""
    phase: Any = None
    backend: str | None = None
    """The backend that ran it; None without the dispatcher."""


@dataclass(frozen=True)
class Dataset:
    """The contents of a dataset."""

    positions: int
    arrays: Mapping[str, Any]
    """Tensors by their names on disk."""


def sentinel(name: str, text: str) -> dict[str, str]:
    """A placeholder for the model of this name: a dict, which is never a network."""
    return {"_sentinel": text, "name": name}


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""No default was given, which is different from None."""


class Adapter(ABC):
    """An implementation under test.

    A subclass defines `reset`, `params` and the operations that its implementation supports. Cases that need other
    operations are skipped.

    Methods take and return Python objects; the kit sends descriptions of them. An exception is sent as a refusal of
    the kind that `kind_of` returns. Paths are text; relative ones start at the working directory, which the kit sets
    before `reset`.
    """

    name: ClassVar[str] = ""
    """The name in reports; defaults to the name of the class."""
    version: str = "0"
    """A release, or a revision."""
    backend: str = "pytorch"
    """The backend tag of the bundles it saves."""
    supports: Sequence[str] = ()
    """Further capabilities. `fixture_networks`: it builds the networks of the fixtures of the suite. `torch`: it
    executes its networks. `path_types`: it passes paths as paths and `PlainText` as text. `events`: its workflows call
    `event`. `without`: it works, or refuses, when modules that a case makes unavailable cannot be imported. The kit adds
    `warnings`, since it captures those of `warnings.warn`."""
    missing: Collection[str] = ()
    """Operations that the class defines and the installed implementation does not have."""
    era: str | None = None
    """The era of the contract that it follows (`bundleproof list eras`); None for the whole suite."""
    versions: Mapping[str, str] = {}
    """Versions of what the results depend on, by name, such as `torch`. The kit adds that of Python."""
    notes: Sequence[str] = ()
    """What the adapter does for a caller, one short sentence each, for the report."""

    @abstractmethod
    def reset(self) -> None:
        """Restores the params of a new process. The kit has already dropped all models and changed the directory."""

    @abstractmethod
    def params(self) -> Mapping[str, Any]:
        """Returns all params of the process."""

    def set_params(self, values: dict[str, Any]) -> None:
        """Writes values into the params of the process, like another part of a program would."""
        raise NotImplementedError

    def get_param(self, key: str, default: Any = ABSENT) -> Any:
        """Returns one param, or `default` for a missing key."""
        raise NotImplementedError

    def validate_config(self, config: Config) -> None:
        """Checks a configuration against the rules of its kind."""
        raise NotImplementedError

    def update_legacy_dict(self, config: Config) -> None:
        """Bridges a configuration to the params of the process."""
        raise NotImplementedError

    def create_models(self, config: Config, seed: int, sentinels: dict[str, str], only: list[str] | None) -> Models:
        """Creates both networks of a configuration, or those in `only`; the same seed gives the same weights.

        For each name in `sentinels` it creates a sentinel with this text instead: see `sentinel`.
        """
        raise NotImplementedError

    def save_torch_bundle(self, models: Models, base_path: str, config: Config, intensity_scale: float | None) -> None:
        """Saves `<base_path>.zip`. `intensity_scale` is the explicit scale, if there is one."""
        raise NotImplementedError

    def load_torch_bundle(self, base_path: str) -> Loaded | tuple[Models, Mapping[str, Any]]:
        """Loads `<base_path>.zip`."""
        raise NotImplementedError

    def run_cdi_example_torch(self, train_data: str, config: Config) -> Workflow:
        """Bridges, trains on an `.npz` file, and persists the trained models if `output_dir` is set."""
        raise NotImplementedError

    def load_inference_bundle_torch(self, bundle_dir: str) -> Loaded | tuple[Models, Mapping[str, Any]]:
        """Loads the bundle in a directory."""
        raise NotImplementedError

    def run_cdi_example_with_backend(self, train_data: str, config: Config) -> Workflow:
        """Runs the workflow of the configured backend."""
        raise NotImplementedError

    def load_inference_bundle_with_backend(
        self, bundle_dir: str, config: Config, model: str | None
    ) -> LoadedModel | tuple[Any, Mapping[str, Any]]:
        """Loads one model of the bundle in a directory; None means `diffraction_to_obj`."""
        raise NotImplementedError

    def load_dataset(self, path: str) -> Dataset:
        """Reads an `.npz` file."""
        raise NotImplementedError

    def forward(self, models: Models, model: str, inputs: str) -> Any:
        """Returns the output of one model as a tensor: complex64 `[B, C, N, N]`. `C` is `gridsize` squared.

        `inputs` is an `.npz` file: `x` float32 `[B, C, N, N]`, amplitudes; `positions` float32 `[B, C, 1, 2]`, offsets
        from the middle of the group in pixels, the horizontal one first; `probe` complex64 `[N, N]`; `scale` float32
        `[B]`. Inputs of the wrong shape are a `mismatch`. Only called if `supports` contains `torch`.
        """
        raise NotImplementedError

    @final
    def event(self, name: str) -> None:
        """Reports that a part of a workflow begins: `bridge`, `train`, `stitch` or `persist`."""
        self._events().append(name)

    @final
    def take_events(self) -> list[str]:
        """Returns the events since the last time that this was called."""
        events = list(self._events())
        self._events().clear()
        return events

    def _events(self) -> list[str]:
        # Not set in a constructor, because a subclass need not call that of this class.
        events: list[str] = self.__dict__.setdefault("_reported_events", [])
        return events

    def state_of(self, model: Any) -> Mapping[str, Any]:
        """Returns the tensors of a model by name, or a sentinel unchanged: a mapping with the key `_sentinel`.

        Supports PyTorch modules, state dicts and sentinels.
        """
        state = model.state_dict() if callable(getattr(model, "state_dict", None)) else model
        if not isinstance(state, Mapping):
            found = type(model).__qualname__
            raise WrongResult(f"returned {found} as a model, expected a mapping of tensors or an object with a state_dict")
        return state

    def kind_of(self, raised: BaseException) -> Kind | str:
        """Returns the kind of refusal for an exception."""
        return kind_of(raised)

    @final
    @property
    def operations(self) -> list[str]:
        """The operations that the class defines and the implementation has."""
        defined = [name for name in OPERATIONS if getattr(type(self), name) is not getattr(Adapter, name)]
        return [name for name in defined if name not in self.missing]


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
"""The operations of the contract, by their names in the protocol."""
