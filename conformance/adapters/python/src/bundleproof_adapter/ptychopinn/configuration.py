"""Builds configurations of the system from the values of a case."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bundleproof_adapter import Config, PlainText

KINDS = {
    "model": "ModelConfig",
    "training": "TrainingConfig",
    "inference": "InferenceConfig",
    "execution": "PyTorchExecutionConfig",
}

SELF_EVIDENT = {"backend": "pytorch"}
"""Fields that a revision without them acts on all the same: before the dispatcher there was no choice of a backend, and
the functions that an adapter calls are those of PyTorch."""


def construct(module: ModuleType, config: Config) -> Any:
    """Returns the dataclass of the system with these values, valid or not.

    Raises `NotImplementedError` for a type and for a field that the revision does not have. Such a field is never
    dropped, because the result would be that of another configuration; the exceptions are `SELF_EVIDENT`. And it is a
    refusal that no case expects: `unsupported` would pass for the refusal of an invalid value in that field.
    """
    values = dict(config.values)
    if isinstance(values.get("model"), Mapping):
        values["model"] = _made(module, "model", values["model"])
    return _made(module, config.kind, values)


def lacks(module: ModuleType, kind: str, field: str) -> bool:
    """Whether the configurations of this kind have no such field in this revision."""
    made = getattr(module, KINDS[kind], None)
    return made is None or field not in _fields(made)


def _made(module: ModuleType, kind: str, values: Mapping[str, Any]) -> Any:
    made = getattr(module, KINDS[kind], None)
    if made is None:
        raise NotImplementedError(f"this revision has no {KINDS[kind]}")
    fields = _fields(made)
    given = {
        name: value
        for name, value in values.items()
        if name in fields or name not in SELF_EVIDENT or SELF_EVIDENT[name] != value
    }
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise NotImplementedError(f"{KINDS[kind]} of this revision has no field {', '.join(unknown)}")
    return made(**{name: _typed(fields[name], value) for name, value in given.items()})


def _fields(made: Any) -> dict[str, Any]:
    return {field.name: field for field in dataclasses.fields(made)}


def _typed(field: dataclasses.Field[Any], value: Any) -> Any:
    """Paths are sent as text, and text that is meant as text is marked. An empty text stays text, because `Path("")` is
    the current directory."""
    if isinstance(value, PlainText):
        return str(value)
    if "Path" in str(field.type) and isinstance(value, str) and value:
        return Path(value)
    return value
