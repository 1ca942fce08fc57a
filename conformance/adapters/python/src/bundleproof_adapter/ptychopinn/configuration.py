"""Builds configurations of the system from the values of a case."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bundleproof_adapter import Config

KINDS = {
    "model": "ModelConfig",
    "training": "TrainingConfig",
    "inference": "InferenceConfig",
    "execution": "PyTorchExecutionConfig",
}


def construct(module: ModuleType, config: Config) -> Any:
    """Returns the dataclass of the system with these values, valid or not."""
    values = dict(config.values)
    if isinstance(values.get("model"), Mapping):
        values["model"] = module.ModelConfig(**values["model"])
    kind = getattr(module, KINDS[config.kind])
    for field in dataclasses.fields(kind):
        # Paths are sent as text. An empty text stays text, because `Path("")` is the current directory.
        if "Path" in str(field.type) and isinstance(values.get(field.name), str) and values[field.name]:
            values[field.name] = Path(values[field.name])
    return kind(**values)
