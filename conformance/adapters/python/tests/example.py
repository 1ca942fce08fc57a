"""A small adapter for the tests of the server, with some that fail.

It has five operations. Its models are plain dicts of arrays.
"""

from __future__ import annotations

import array
import os
import subprocess
import sys
from typing import Any

import kit  # noqa: F401

from bundleproof_adapter import (
    ABSENT,
    Adapter,
    Config,
    Dataset,
    Loaded,
    LoadedModel,
    Refused,
    Workflow,
    claim,
    sentinel,
    serve,
)


class Example(Adapter):
    name = "example"
    version = "1.2"
    supports = ("fixture_networks",)

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.asked: list[Any] = []

    def reset(self) -> None:
        self.values = {"N": 128}

    def params(self) -> dict[str, Any]:
        return self.values

    def set_params(self, values: dict[str, Any]) -> None:
        for word, do in MISHAPS.items():
            if word in values:
                do()
        self.values.update(values)

    def get_param(self, key: str, default: Any = ABSENT) -> Any:
        self.asked.append((key, default))
        return self.values[key] if default is ABSENT else self.values.get(key, default)

    def create_models(
        self, config: Config, seed: int, sentinels: dict[str, str], only: list[str] | None
    ) -> dict[str, Any]:
        self.asked.append((config, seed, sentinels, only))
        names = ["autoencoder", "diffraction_to_obj"] if only is None else only
        return {
            name: sentinel(name, sentinels[name]) if name in sentinels else {"w": array.array("d", [seed])}
            for name in names
        }

    def save_torch_bundle(self, models: Any, base_path: str, config: Config, intensity_scale: float | None) -> None:
        self.asked.append((models, base_path, config, intensity_scale))

    def load_torch_bundle(self, base_path: str) -> Loaded:
        with open(base_path + ".zip", "rb"):
            return Loaded({"autoencoder": {"w": b"\1"}}, {"N": 64, "path": (1,)})


class Whole(Example):
    """Adds the operations that `Example` does not have."""

    name = ""

    def validate_config(self, config: Config) -> None:
        if config.values.get("gridsize") == 0:
            raise ValueError("gridsize must be positive")

    def update_legacy_dict(self, config: Config) -> None:
        self.values.update(config.values)

    def run_cdi_example_torch(self, train_data: str, config: Config) -> Workflow:
        self.asked.append((train_data, config))
        return Workflow({"autoencoder": {"w": b"\2"}}, float("inf"), [0.5, float("nan")], amplitude=b"\3", phase=b"\6")

    def load_inference_bundle_torch(self, bundle_dir: str) -> tuple[Any, Any]:
        return {"autoencoder": {"w": b"\4"}}, {"dir": bundle_dir}

    def run_cdi_example_with_backend(self, train_data: str, config: Config) -> Workflow:
        return Workflow({}, 2, [], backend="pytorch")

    def load_inference_bundle_with_backend(self, bundle_dir: str, config: Config, model: str | None) -> LoadedModel:
        return LoadedModel({"w": b"\5"}, {"model": model})

    def load_dataset(self, path: str) -> Dataset:
        return Dataset(1, {"xcoords": array.array("d", [0.5])})

    def forward(self, models: Any, model: str, inputs: str) -> Any:
        self.asked.append((models, model, inputs))
        if model not in models:
            raise Refused("mismatch", f"unknown model {model}")
        return b"\7"

    def kind_of(self, raised: BaseException) -> Any:
        return "unsupported" if isinstance(raised, (RuntimeError, SystemExit)) else super().kind_of(raised)


class Unreadable:
    """A model that raises an exception when it is read."""

    def state_dict(self) -> Any:
        raise RuntimeError("it broke")


def _print_everywhere() -> None:
    print("from Python")
    os.write(1, b"from below Python\n")
    subprocess.run(["echo", "from a child"], check=True)
    assert os.path.samestat(os.fstat(0), os.stat(os.devnull)), "stdin belongs to the protocol"


def _raise(raised: BaseException) -> None:
    raise raised


MISHAPS = {
    "print": _print_everywhere,
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "refuse": lambda: _raise(Refused("unsafe", "it leads out")),
    "fail": lambda: _raise(RuntimeError("it broke")),
}

if __name__ == "__main__":
    if sys.argv[1:] == ["early"]:
        claim()
        print("before it serves")
    serve(Example())
