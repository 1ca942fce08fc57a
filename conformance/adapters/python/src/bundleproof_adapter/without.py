"""Modules that a case makes unavailable, although they are installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

VARIABLE = "BUNDLEPROOF_WITHOUT"
"""The environment variable with their names, separated by commas."""


class _Finder(MetaPathFinder):
    """Fails for some modules and their submodules as if they were not installed."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._modules:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def install() -> None:
    """Makes the modules that the environment names unavailable to later imports."""
    modules = frozenset(filter(None, os.environ.get(VARIABLE, "").split(",")))
    if modules:
        sys.meta_path.insert(0, _Finder(modules))
