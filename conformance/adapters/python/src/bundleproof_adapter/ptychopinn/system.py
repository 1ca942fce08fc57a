"""The modules of the system, and what its process is like before anything was done in it."""

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
    """The imported system. An `ImportError` says what is missing."""

    def __init__(self) -> None:
        import torch

        # Else the system makes a directory for its cache wherever it is imported, and finds in it what was simulated
        # before.
        os.environ["PTYCHO_DISABLE_MEMOIZE"] = "1"
        self._torch = torch
        # PyTorch begins every process with the same numbers. What is drawn while modules are imported counts not.
        self._random = torch.get_rng_state()
        self._deterministic = torch.are_deterministic_algorithms_enabled()
        self.params = importlib.import_module("ptycho.params")
        self._defaults = copy.deepcopy(self.params.cfg)
        self.config = importlib.import_module("ptycho.config.config")
        self.raw_data = importlib.import_module("ptycho.raw_data")
        self.model_manager = importlib.import_module("ptycho_torch.model_manager")
        self.components = importlib.import_module("ptycho_torch.workflows.components")
        self.backend_selector = importlib.import_module("ptycho.workflows.backend_selector")
        # The workflow imports it when it trains, and says that PyTorch is missing when anything is.
        importlib.import_module("ptycho_torch.model")
        self._environment = dict(os.environ)

    def reset(self) -> None:
        """Puts back what a process has once: the params, random numbers, and what training sets for good."""
        self.params.cfg.clear()
        self.params.cfg.update(copy.deepcopy(self._defaults))
        if hasattr(self.params, "unseal"):
            self.params.unseal()
        self._torch.set_rng_state(self._random)
        # To say it makes PyTorch load its compiler, which takes seconds.
        if self._torch.are_deterministic_algorithms_enabled() != self._deterministic:
            self._torch.use_deterministic_algorithms(self._deterministic)
        os.environ.clear()
        os.environ.update(self._environment)

    @property
    def revision(self) -> str:
        """A digest of the modules that are under test, since a checkout does not say which revision it is."""
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
    """Calls a function by the names of its parameters. `where_known` are for revisions that have those parameters."""
    known = inspect.signature(function).parameters
    later = {name: value for name, value in (where_known or {}).items() if name in known}
    return function(**arguments, **later)
