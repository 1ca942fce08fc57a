"""Tests the README: the adapter, the tables, and the outputs of the commands."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import kit

from bundleproof_adapter import OPERATIONS, Adapter, Kind, Refused, Server, kind_of, sentinel

README = (kit.SOURCE.parent / "README.md").read_text(encoding="utf-8")

MY_PACKAGE = """
import os
from types import SimpleNamespace

from bundleproof_adapter.plain_torch.params import DEFAULTS

__version__ = "3.4"


def restore_defaults():
    params.cfg = dict(DEFAULTS)


params = SimpleNamespace(cfg=dict(DEFAULTS), restore_defaults=restore_defaults)

def load(base_path):
    if not os.path.exists(f"{base_path}.zip"):
        raise FileNotFoundError(f"there is no {base_path}.zip")
    return {}, {}
"""
"""The package that the README assumes."""


def blocks(language: str) -> list[str]:
    """The code blocks of this language, without their indentation."""
    return [textwrap.dedent(code) for code in re.findall(rf"^ *```{language}\n(.*?)^ *```$", README, re.M | re.S)]


def rows(header: str) -> Iterator[tuple[str, str]]:
    """The rows of the two-column table with this first header."""
    lines = README[README.index(f"| {header} |") :].splitlines()[2:]
    for line in lines:
        cells = re.fullmatch(r"\s*\| (.*?) \| (.*) \|", line)
        if cells is None:
            return
        yield cells[1], cells[2]


class TheAdapter(unittest.TestCase):
    def setUp(self) -> None:
        package: Any = ModuleType("my_package")
        package.__version__ = "3.4"
        package.params = SimpleNamespace(cfg={}, restore_defaults=lambda: package.params.cfg.update(N=128))
        package.load = lambda base_path: ({"autoencoder": {"_sentinel": base_path}}, {"N": 64})
        package.network = lambda values, seed, role: {"weights": memoryview(bytes([values["model"]["N"], seed]))}
        self.saved: list[Any] = []
        package.save = lambda *arguments: self.saved.append(arguments)
        package.WeightsDoNotFit = type("WeightsDoNotFit", (Exception,), {})
        self.package = package
        self.addCleanup(sys.modules.pop, "my_package")
        sys.modules["my_package"] = package
        first, *methods = blocks("python")
        self.names: dict[str, Any] = {"__name__": "mine", "Kind": Kind, "sentinel": sentinel}
        exec(first, self.names)
        self.server = Server(self.names["Mine"]())
        exec("class Whole(Mine):\n" + textwrap.indent("\n".join(methods), "    "), self.names)

    def ask(self, method: str, **params: Any) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = json.loads(self.server.answer(json.dumps(message).encode()))
        return answer.get("result", answer.get("error"))

    def test_it_loads_a_bundle(self) -> None:
        about = self.ask("initialize")
        self.assertEqual((about["name"], about["version"]), ("mine", "3.4"))
        self.assertEqual(about["operations"], ["set_params", "load_torch_bundle"])
        self.ask("reset", directory=tempfile.gettempdir())
        self.ask("set_params", values={"gridsize": 1})
        self.assertEqual(self.ask("params"), {"params": {"N": 128, "gridsize": 1}})
        loaded = self.ask("load_torch_bundle", base_path="wts.h5", **{"as": "loaded"})
        self.assertEqual(loaded["models"], {"autoencoder": {"sentinel": {"_sentinel": "wts.h5"}}})

    def test_with_two_more_methods_it_saves_created_models(self) -> None:
        self.server = Server(self.names["Whole"]())
        self.ask("reset", directory=tempfile.gettempdir())
        config = {"kind": "training", "values": {"model": {"N": 64}}}
        asked = {"config": config, "seed": 7, "sentinels": {"autoencoder": "ae"}, "only": None, "as": "made"}
        models = self.ask("create_models", **asked)["models"]
        self.assertEqual(models["autoencoder"], {"sentinel": {"_sentinel": "ae", "name": "autoencoder"}})
        self.assertEqual(models["diffraction_to_obj"]["tensors"]["weights"]["shape"], [2])
        self.assertEqual(list(self.ask("create_models", **{**asked, "only": ["../odd"]})["models"]), ["../odd"])
        self.ask("create_models", **asked)
        self.ask("save_torch_bundle", models="made", base_path="b", config=config, intensity_scale=2.5)
        ((saved, base_path, values, scale),) = self.saved
        self.assertEqual((list(saved), base_path, values, scale), (list(models), "b", config["values"], 2.5))

    def test_it_says_by_its_own_exceptions_what_does_not_fit(self) -> None:
        whole = self.names["Whole"]()
        self.assertEqual(whole.kind_of(self.package.WeightsDoNotFit()), Kind.MISMATCH)
        self.assertEqual(whole.kind_of(KeyError("N")), Kind.MISSING_FIELD)


class Tables(unittest.TestCase):
    def test_they_name_every_method_with_what_it_takes(self) -> None:
        shown = [name.strip("`") for name, _ in rows("method")]
        written = []
        for name in ("reset", "params", *OPERATIONS):
            parameters = list(inspect.signature(getattr(Adapter, name)).parameters.values())[1:]
            taken = [f"{one.name}={one.default}" if one.default is not one.empty else one.name for one in parameters]
            written.append(f"{name}({', '.join(taken)})")
        self.assertEqual(shown, written)

    def test_they_say_which_exception_is_which_refusal(self) -> None:
        names = {"zipfile": zipfile, "pickle": pickle}
        kinds = {}
        for exceptions, kind in rows("raised"):
            for exception in re.findall(r"`([\w.]+)`", exceptions):
                kinds[exception] = kind.strip("`")
        self.assertEqual(len(kinds), 9)
        for exception, kind in kinds.items():
            self.assertEqual(kind_of(eval(exception, names)("x")), kind, exception)
        self.assertIn(("`Refused(kind, message)`", "what it says"), list(rows("raised")))
        self.assertEqual(kind_of(Refused(Kind.UNSAFE, "x")), Kind.UNSAFE)
        for other in (AttributeError("x"), SystemExit(), KeyboardInterrupt()):
            self.assertEqual(kind_of(other), Kind.INTERNAL)


@unittest.skipIf(find_spec("tomllib") is None, "this Python does not read TOML")
class Files(unittest.TestCase):
    def test_those_that_start_the_drivers_name_programs_of_the_kit(self) -> None:
        import tomllib

        folder = kit.SOURCE.parents[2] / "bundle" / "implementations"
        named = re.findall(r"bundleproof run --impl (\w+)\n", README)
        self.assertEqual(named, ["plain_torch", "ptychopinn"])
        for name in named:
            launch = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))["launch"]
            self.assertEqual(launch["command"], ["python3", "-m", f"bundleproof_adapter.{name}"])
            self.assertIsNotNone(find_spec(f"bundleproof_adapter.{name}.__main__"))


@unittest.skipIf(shutil.which("bundleproof") is None, "no bundleproof in PATH")
class Commands(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        (self.place / "my_package.py").write_text(MY_PACKAGE, encoding="utf-8")
        (self.place / "bin").mkdir()
        python = self.place / "bin" / "python3"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)

    def run_command(self, command: str) -> str:
        path = f"{self.place / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(kit.SOURCE)}
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout

    def test_the_commands_print_the_shown_output(self) -> None:
        first, rest = blocks("console")
        self.shown(first)
        (self.place / "mine.py").write_text(blocks("python")[0], encoding="utf-8")
        self.shown(rest)

    def shown(self, block: str) -> None:
        for part in block.split("$ ")[1:]:
            command, output = part.split("\n", 1)
            # A line of dots matches any lines, and a timestamp matches any timestamp.
            pattern = "(?s:.*)".join(map(re.escape, output.split("...\n")))
            pattern = re.sub(r"\d{4}\\-\d\d\\-\d\dT\d{6}Z", r"[0-9TZ-]+", pattern)
            with self.subTest(command):
                self.assertRegex(self.run_command(command), rf"\A{pattern}\Z")


if __name__ == "__main__":
    unittest.main()
