"""The modules of the system, and the initial state of its process."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib
import importlib.metadata
import inspect
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGES = ("ptychopinn", "torch", "lightning", "tensorflow", "numpy", "dill")
"""The distributions whose versions are stated, if they are installed."""


class System:
    """The imported system. Raises `ImportError` if a package is missing.

    Every revision has the params, the configurations and the reader of datasets. The modules of the PyTorch stack were
    added one by one: a module that the revision does not have is None.
    """

    def __init__(self) -> None:
        import torch

        # Otherwise the system creates a cache in the current directory, and reuses earlier simulations.
        os.environ["PTYCHO_DISABLE_MEMOIZE"] = "1"
        self._torch = torch
        # PyTorch starts every process with the same random state, before the imports draw from it.
        self._random = torch.get_rng_state()
        self._deterministic = torch.are_deterministic_algorithms_enabled()
        # Older revisions do not know the variable, and create the directory of the cache while they are imported.
        with _elsewhere():
            self.params = importlib.import_module("ptycho.params")
            self._defaults = copy.deepcopy(self.params.cfg)
            self.config = importlib.import_module("ptycho.config.config")
            self.raw_data = importlib.import_module("ptycho.raw_data")
            self.model_manager = imported("ptycho_torch.model_manager")
            self.components = imported("ptycho_torch.workflows.components")
            self.backend_selector = imported("ptycho.workflows.backend_selector")
            # Imported here, because the workflow imports it late and reports any failure as a missing PyTorch.
            self.model = imported("ptycho_torch.model")
            self.config_params = imported("ptycho_torch.config_params")
        self._environment = dict(os.environ)

    def reset(self) -> None:
        """Restores the global state: params, random state, and settings that training changes permanently."""
        self.params.cfg.clear()
        self.params.cfg.update(copy.deepcopy(self._defaults))
        if hasattr(self.params, "unseal"):
            self.params.unseal()
        self._torch.set_rng_state(self._random)
        # Setting this loads the compiler of PyTorch, which takes seconds.
        if self._torch.are_deterministic_algorithms_enabled() != self._deterministic:
            self._torch.use_deterministic_algorithms(self._deterministic)
        os.environ.clear()
        os.environ.update(self._environment)

    @property
    def revision(self) -> str:
        """A digest of the tested modules, because a checkout does not contain its revision."""
        digest = hashlib.sha256()
        for module in self._tested():
            digest.update(Path(inspect.getfile(module)).read_bytes())
        return f"source {digest.hexdigest()[:12]}"

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the installed distributions that the results depend on."""
        versions = {}
        for name in PACKAGES:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                # A checkout in PYTHONPATH has no version of its own.
                continue
        return versions

    def _tested(self) -> Iterator[ModuleType]:
        yield from (self.params, self.config, self.raw_data)
        for module in (self.model_manager, self.components, self.backend_selector):
            if module is not None:
                yield module


def imported(name: str) -> ModuleType | None:
    """Returns a module, or None if the revision does not have it.

    Raises `ImportError` if the module exists and one of its own imports fails: that is a broken installation.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        # The name is that of the module or of a package around it.
        if missing.name is not None and f"{name}.".startswith(f"{missing.name}."):
            return None
        raise


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Changes to an empty directory for a while."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            yield
        finally:
            os.chdir(before)


def function(module: ModuleType | None, name: str) -> Callable[..., Any] | None:
    """Returns a function of a module, or None if the revision does not have it."""
    return getattr(module, name, None)


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter with this name."""
    return name in inspect.signature(function).parameters


def call(
    function: Callable[..., Any], /, *positional: Any, where_known: dict[str, Any] | None = None, **arguments: Any
) -> Any:
    """Calls a function. `where_known` are passed only if this revision has those parameters."""
    later = {name: value for name, value in (where_known or {}).items() if takes(function, name)}
    return function(*positional, **arguments, **later)
