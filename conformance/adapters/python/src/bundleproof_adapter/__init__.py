"""Puts a saver, loader or workflow that is written in Python under test by bundleproof.

An adapter is a class with a method for each operation of the contract that the implementation has, and a program
that serves it:

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

What the methods are given and answer are Python's own objects. The kit speaks the protocol, keeps models by the
names that requests call them, describes tensors, and makes a refusal of what is raised.
"""

from .adapter import ABSENT, OPERATIONS, Adapter, Config, Dataset, Loaded, LoadedModel, Models, Workflow, sentinel
from .channel import claim
from .refusal import Kind, Refused, kind_of
from .server import PROTOCOL, Server, serve
from .tensor import Raw, describe

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
