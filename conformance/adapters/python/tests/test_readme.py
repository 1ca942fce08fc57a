"""The adapter that the README shows is one."""

from __future__ import annotations

import json
import sys
import tempfile
import unittest
from pathlib import Path
from types import ModuleType, SimpleNamespace

import kit  # noqa: F401

from bundleproof_adapter import Server

README = Path(__file__).resolve().parent.parent / "README.md"


class Readme(unittest.TestCase):
    def test_the_smallest_adapter_loads_a_bundle(self) -> None:
        package = ModuleType("my_package")
        package.__version__ = "3.4"
        package.params = SimpleNamespace(cfg={}, restore_defaults=lambda: package.params.cfg.update(N=128))
        package.load = lambda base_path: ({"autoencoder": {"_sentinel": base_path}}, {"N": 64})
        self.addCleanup(sys.modules.pop, package.__name__)
        sys.modules[package.__name__] = package

        code = README.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
        names = {"__name__": "mine"}
        exec(code, names)
        server = Server(names["Mine"]())

        def ask(method: str, **params: str) -> object:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return json.loads(server.answer(json.dumps(message).encode()))["result"]

        about = ask("initialize")
        self.assertEqual((about["name"], about["version"]), ("mine", "3.4"))
        self.assertEqual(about["operations"], ["load_torch_bundle"])
        ask("reset", directory=tempfile.gettempdir())
        self.assertEqual(ask("params"), {"params": {"N": 128}})
        loaded = ask("load_torch_bundle", base_path="wts.h5", **{"as": "loaded"})
        self.assertEqual(loaded["models"], {"autoencoder": {"sentinel": {"_sentinel": "wts.h5"}}})


if __name__ == "__main__":
    unittest.main()
