"""Tests a Python saver, loader or workflow with bundleproof.

An adapter is a class with a method for each supported operation of the contract, and a program that serves it:

    from bundleproof_adapter import Adapter, serve

    class Mine(Adapter):
        name = "mine"
        version = "1.0"

        def reset(self):
            my_params.clear()

        def params(self):
            return my_params

        def load_torch_bundle(self, base_path):
            return my_package.load(base_path)  # (models by name, params)

    if __name__ == "__main__":
        serve(Mine())

The methods take and return Python objects. The kit handles the protocol, keeps models by their names in requests,
describes tensors, and turns exceptions into refusals.
"""

from . import without

# Before the modules of the adapter are imported, which come after the kit.
without.install()

from .adapter import (  # noqa: E402
    ABSENT,
    OPERATIONS,
    Adapter,
    Config,
    Dataset,
    Loaded,
    LoadedModel,
    Models,
    PlainText,
    Workflow,
    sentinel,
)
from .channel import claim  # noqa: E402
from .refusal import Kind, Refused, kind_of  # noqa: E402
from .server import PROTOCOL, Server, serve  # noqa: E402
from .tensor import Raw, describe  # noqa: E402

__all__ = [
    "ABSENT",
    "OPERATIONS",
    "PROTOCOL",
    "Adapter",
    "Config",
    "Dataset",
    "Kind",
    "Loaded",
    "LoadedModel",
    "Models",
    "PlainText",
    "Raw",
    "Refused",
    "Server",
    "Workflow",
    "claim",
    "describe",
    "kind_of",
    "sentinel",
    "serve",
]
