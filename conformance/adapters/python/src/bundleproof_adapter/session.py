"""Calls the methods of the adapter for requests, and describes their results."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from . import notation, refusal, results, tensor
from .adapter import Adapter, Dataset, Models, Workflow
from .request import Malformed, Request

Answer = dict[str, Any]

MAX_NOTICES = 100
"""Maximum number of warnings and of events of one operation."""


class Refusal(Exception):
    """The adapter raised an exception during an operation."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


class Session:
    """An adapter in use: its models by name, and a method for each operation.

    Each method reads the request, calls the adapter and describes the result. Only exceptions of the call itself are
    refusals by the adapter; a result that cannot be sent is a mistake of the adapter, and an exit during the call an
    internal error.
    """

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._models: dict[str, Models] = {}
        self._warnings: list[str] = []

    def notices(self) -> Answer:
        """Returns the warnings and events since the last time that this was called, where there are any."""
        caught, self._warnings = self._warnings, []
        found = {"warnings": caught, "events": self._adapter.take_events()}
        return {name: [refusal.sendable(text) for text in texts[:MAX_NOTICES]] for name, texts in found.items() if texts}

    def reset(self) -> None:
        """Restores the state of a new process: no models, and the initial params."""
        self._models.clear()
        self._ask("reset")

    def params(self, request: Request) -> Answer:
        return {"params": _sent_params(self._ask("params"))}

    def set_params(self, request: Request) -> Answer:
        self._ask("set_params", request.values("values"))
        return {}

    def get_param(self, request: Request) -> Answer:
        default = [request.value("default")] if request.has("default") else []
        value = self._ask("get_param", request.text("key"), *default)
        return {"value": results.sent("a value", notation.encode, value)}

    def validate_config(self, request: Request) -> Answer:
        self._ask("validate_config", request.config())
        return {}

    def update_legacy_dict(self, request: Request) -> Answer:
        self._ask("update_legacy_dict", request.config())
        return {}

    def create_models(self, request: Request) -> Answer:
        name, seed = request.text("as"), request.whole("seed", default=0)
        sentinels, only = request.texts("sentinels"), request.list_or_none("only")
        models = self._ask("create_models", request.config(), seed, sentinels, only)
        return {"models": self._keep(name, models)}

    def save_torch_bundle(self, request: Request) -> Answer:
        models, base_path = self._kept(request.text("models")), request.text("base_path")
        scale = request.number_or_none("intensity_scale")
        self._ask("save_torch_bundle", models, base_path, request.config(), scale)
        return {}

    def load_torch_bundle(self, request: Request) -> Answer:
        name = request.text("as")
        return self._loaded(name, self._ask("load_torch_bundle", request.text("base_path")))

    def load_inference_bundle_torch(self, request: Request) -> Answer:
        name = request.text("as")
        return self._loaded(name, self._ask("load_inference_bundle_torch", request.text("bundle_dir")))

    def run_cdi_example_torch(self, request: Request) -> Answer:
        return self._workflow("run_cdi_example_torch", request)

    def run_cdi_example_with_backend(self, request: Request) -> Answer:
        return self._workflow("run_cdi_example_with_backend", request)

    def load_inference_bundle_with_backend(self, request: Request) -> Answer:
        directory, config, wanted = request.text("bundle_dir"), request.config(), request.text_or_none("model")
        loaded = self._ask("load_inference_bundle_with_backend", directory, config, wanted)
        model, params = results.pair(loaded, "a tuple of the model and the archived params")
        return {"model": self._described(model), "params": _sent_params(params)}

    def load_dataset(self, request: Request) -> Answer:
        dataset = results.with_fields(self._ask("load_dataset", request.text("path")), Dataset)
        arrays = results.mapping(dataset.arrays, "a Dataset with arrays by name")
        positions = results.sent("the number of positions", int, dataset.positions)
        return {"positions": positions, "arrays": _sent_tensors(arrays)}

    def forward(self, request: Request) -> Answer:
        models, model = self._kept(request.text("models")), request.text("model")
        return {"output": _sent_tensor("output", self._ask("forward", models, model, request.text("inputs")))}

    def _workflow(self, operation: str, request: Request) -> Answer:
        name, data = request.text("as"), request.text("train_data")
        run: Workflow = results.with_fields(self._ask(operation, data, request.config()), Workflow)
        return {
            "amplitude": None if run.amplitude is None else _sent_tensor("amplitude", run.amplitude),
            "phase": None if run.phase is None else _sent_tensor("phase", run.phase),
            "models": self._keep(name, run.models),
            "intensity_scale": None if run.intensity_scale is None else _sent_number(run.intensity_scale),
            "train_loss": results.sent("train_loss", lambda losses: [_sent_number(loss) for loss in losses], run.train_loss),
            "backend": run.backend,
        }

    def _loaded(self, name: str, loaded: tuple[Models, Mapping[str, Any]]) -> Answer:
        models, params = results.pair(loaded, "a tuple of the models by name and the archived params")
        return {"models": self._keep(name, models), "params": _sent_params(params)}

    def _ask(self, method: str, *arguments: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            # Python shows a repeated warning only once.
            warnings.simplefilter("always")
            try:
                return getattr(self._adapter, method)(*arguments)
            except Exception as raised:
                raise Refusal(refusal.refusal(raised, self._adapter.kind_of)) from raised
            finally:
                self._warnings += [f"{one.category.__name__}: {one.message}" for one in caught]

    def _keep(self, name: str, models: Models) -> Answer:
        by_name = results.mapping(models, "a mapping of the models by name")
        described = {model_name: self._described(model) for model_name, model in by_name.items()}
        self._models[name] = models
        return described

    def _kept(self, name: str) -> Models:
        if name not in self._models:
            raise Malformed(f"unknown models {name!r}")
        return self._models[name]

    def _described(self, model: Any) -> Answer:
        state = results.mapping(self._adapter.state_of(model), "a model whose state is a mapping of tensors by name")
        if "_sentinel" in state:
            return {"sentinel": results.sent("a sentinel", notation.encode_members, state)}
        return {"tensors": _sent_tensors(state)}


def _sent_params(params: Any) -> Answer:
    sent: Answer = {}
    for key, value in results.mapping(params, "a mapping of params by key").items():
        sent |= results.sent(f"the param {key!r}", notation.encode_members, {key: value})
    return sent


def _sent_tensors(tensors: Mapping[str, Any]) -> Answer:
    return {name: _sent_tensor(name, one) for name, one in tensors.items()}


def _sent_tensor(name: str, one: Any) -> Answer:
    described: Answer = results.sent(f"the tensor {name!r}", tensor.describe, one)
    return described


def _sent_number(number: Any) -> Any:
    return results.sent("a number", lambda value: notation.encode(float(value)), number)
