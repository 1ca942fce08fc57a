"""The modules of the system, and the initial state of its process."""

from __future__ import annotations

import copy
import hashlib
import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class System:
    """The imported system. Raises `ImportError` if a package is missing."""

    def __init__(self) -> None:
        import torch

        # Otherwise the system creates a cache in the current directory, and reuses earlier simulations.
        os.environ["PTYCHO_DISABLE_MEMOIZE"] = "1"
        self._torch = torch
        # PyTorch starts every process with the same random state, before the imports draw from it.
        self._random = torch.get_rng_state()
        self._deterministic = torch.are_deterministic_algorithms_enabled()
        self.params = importlib.import_module("ptycho.params")
        self._defaults = copy.deepcopy(self.params.cfg)
        self.config = importlib.import_module("ptycho.config.config")
        self.raw_data = importlib.import_module("ptycho.raw_data")
        self.model_manager = importlib.import_module("ptycho_torch.model_manager")
        self.components = importlib.import_module("ptycho_torch.workflows.components")
        self.backend_selector = importlib.import_module("ptycho.workflows.backend_selector")
        # Imported here, because the workflow imports it late and reports any failure as a missing PyTorch.
        importlib.import_module("ptycho_torch.model")
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
        for module in (
            self.params,
            self.config,
            self.raw_data,
            self.model_manager,
            self.components,
            self.backend_selector,
        ):
            digest.update(Path(inspect.getfile(module)).read_bytes())
        return f"source {digest.hexdigest()[:12]}"


def call(function: Callable[..., Any], /, *, where_known: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """Calls a function by keywords. `where_known` are passed only if this revision has those parameters."""
    known = inspect.signature(function).parameters
    later = {name: value for name, value in (where_known or {}).items() if name in known}
    return function(**arguments, **later)
