"""The era of the contract that a revision of the system follows."""

from __future__ import annotations

from .configuration import lacks
from .system import System, function


def era_of(system: System) -> str:
    """Returns the era by what the revision has, because a checkout does not say which revision it is.

    The names are those of `bundleproof list eras`.
    """
    if system.backend_selector is None:
        return "2025-10"
    if lacks(system.config, "model", "architecture"):
        return "2025-11"
    if lacks(system.config, "model", "object_layout"):
        return "main"
    if function(system.model_manager, "load_torch_bundle") is None:
        return "torch-manifest-v1"
    return "refactor"
