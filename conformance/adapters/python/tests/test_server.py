"""Tests that each request gets one response, as the protocol requires."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path
from typing import Any

from example import Example, Unreadable, Whole

from bundleproof_adapter import ABSENT, OPERATIONS, Adapter, Config, PlainText, Server, Workflow
from bundleproof_adapter.channel import MAX_LINE


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def one_byte(value: int) -> dict[str, Any]:
    return {"dtype": "uint8", "shape": [1], "sha256": sha256(bytes([value]))}


TRAINING = {"kind": "training", "values": {"model": {"N": 64}, "nphotons": {"float": "inf"}, "dir": None}}


class Talk(unittest.TestCase):
    adapter: Adapter

    def setUp(self) -> None:
        self.adapter = Whole()
        self.server = Server(self.adapter)
        before = os.getcwd()
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.addCleanup(os.chdir, before)
        self.directory = os.path.realpath(place.name)

    def say(self, line: bytes) -> dict[str, Any]:
        answer = self.server.answer(line)
        self.assertNotIn(b"\n", answer)
        return json.loads(answer)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer = self.say(json.dumps(message).encode())
        self.assertEqual((answer.pop("jsonrpc"), answer.pop("id")), ("2.0", 7))
        return answer

    def result(self, method: str, **params: Any) -> Any:
        answer = self.ask(method, **params)
        self.assertEqual(list(answer), ["result"], answer)
        return answer["result"]

    def refused(self, code: int, method: str, **params: Any) -> dict[str, Any]:
        answer = self.ask(method, **params)
        self.assertEqual(list(answer), ["error"], answer)
        self.assertEqual(answer["error"]["code"], code, answer)
        return answer["error"]

    def reset(self) -> None:
        self.assertEqual(self.result("reset", directory=self.directory, later="ignored"), {})


class Protocol(Talk):
    def test_initialize_returns_its_name_and_the_defined_operations(self) -> None:
        self.server = Server(Example())
        about = self.result("initialize", protocol=1, client={"name": "bundleproof", "version": "0.1.0"}, more=[])
        written = ["set_params", "get_param", "create_models", "save_torch_bundle", "load_torch_bundle"]
        self.assertEqual(
            about,
            {
                "protocol": 1,
                "name": "example",
                "version": "1.2",
                "backend": "pytorch",
                "operations": written,
                "supports": ["fixture_networks", "warnings"],
                "versions": {"python": platform.python_version()},
                "notes": [],
            },
        )
        self.server = Server(Whole())
        self.assertEqual(self.result("initialize", protocol=1)["operations"], list(OPERATIONS))
        self.assertEqual(self.result("initialize", protocol=1)["name"], "Whole")

    def test_initialize_returns_what_the_adapter_states_and_not_what_its_installation_lacks(self) -> None:
        class Older(Whole):
            missing = ("load_dataset",)
            era = "2025-11"
            versions = {"torch": "2.0"}
            notes = ["reads the dataset"]

        self.server = Server(Older())
        about = self.result("initialize", protocol=1)
        self.assertEqual(about["versions"], {"python": platform.python_version(), "torch": "2.0"})
        self.assertEqual(about["notes"], ["reads the dataset"])
        self.assertEqual(about["era"], "2025-11")
        self.assertEqual(set(OPERATIONS) - set(about["operations"]), {"load_dataset"})
        self.reset()
        self.refused(-32601, "load_dataset", path="t.npz", **{"as": "data"})

    def test_paths_and_text_in_their_place_stay_apart(self) -> None:
        self.server = Server(Whole())
        self.reset()
        given = {"a": {"path": "x"}, "b": {"text": "x"}, "c": "x", "model": {"d": {"text": "x"}}, "e": {"text": 1}}
        self.result("update_legacy_dict", config={"kind": "training", "values": given})
        values = self.result("params")["params"]
        self.assertEqual(values["a"], {"path": "x"})
        adapter = Whole()
        adapter.reset()
        self.server = Server(adapter)
        self.reset()
        self.result("update_legacy_dict", config={"kind": "training", "values": given})
        kept = {name: type(value) for name, value in adapter.values.items() if name in given}
        self.assertEqual(kept, {"a": type(Path()), "b": PlainText, "c": str, "model": dict, "e": dict})

    def test_a_workflow_may_have_no_scale(self) -> None:
        class Older(Whole):
            def run_cdi_example_torch(self, train_data: str, config: Config) -> Workflow:
                return Workflow({}, None, [])

        self.server = Server(Older())
        self.reset()
        answer = self.result("run_cdi_example_torch", train_data="t", config=TRAINING, **{"as": "run"})
        self.assertIsNone(answer["intensity_scale"])

    def test_an_undefined_operation_is_an_unknown_method(self) -> None:
        self.server = Server(Example())
        self.reset()
        for method in ("no_such_operation", "validate_config", "state_of", "answer", "_keep", ""):
            with self.subTest(method):
                self.assertIn(repr(method), self.refused(-32601, method)["message"])

    def test_nothing_is_done_before_the_first_reset(self) -> None:
        for method in ("params", "set_params"):
            self.assertIn("before the first reset", self.refused(-32600, method, values={})["message"])

    def test_invalid_requests(self) -> None:
        for line, code in (
            (b"{", -32700),
            (b"", -32700),
            (b'{"a": NaN}', -32700),
            (b'"\xff"', -32700),
            (b"[" * 100_000, -32700),
            (b"[]", -32600),
            (b'{"jsonrpc": "2.0", "id": 1}', -32600),
            (b'{"jsonrpc": "2.0", "method": "params"}', -32600),
            (b'{"jsonrpc": "1.0", "id": 1, "method": "params"}', -32600),
            (b'{"jsonrpc": "2.0", "id": true, "method": "params"}', -32600),
        ):
            with self.subTest(line[:40]):
                answer = self.say(line)
                self.assertEqual(answer["error"]["code"], code)
                self.assertIsNone(answer["id"])

    def test_params_may_be_absent_or_null_but_nothing_else_than_an_object(self) -> None:
        self.reset()
        for params, fits in (
            ("", True),
            (', "params": null', True),
            (', "params": []', False),
            (', "params": 1', False),
        ):
            answer = self.say(f'{{"jsonrpc": "2.0", "id": 1, "method": "params"{params}}}'.encode())
            self.assertEqual("result" in answer, fits, answer)
            if not fits:
                self.assertEqual(answer["error"]["code"], -32602)

    def test_invalid_params_are_named(self) -> None:
        self.reset()
        for method, field, params in (
            ("reset", "directory", {}),
            ("reset", "directory", {"directory": "."}),
            ("reset", "directory", {"directory": self.directory + "/nowhere"}),
            ("set_params", "values", {"values": 3}),
            ("set_params", "values.x", {"values": {"x": {"int": "one"}}}),
            ("get_param", "key", {"key": 1, "as": "a"}),
            ("get_param", "default", {"key": "k", "default": {"float": 1}, "as": "a"}),
            ("update_legacy_dict", "config", {"config": {"kind": "odd"}}),
            ("update_legacy_dict", "config.values", {"config": {"kind": "model", "values": []}}),
            ("create_models", "as", {"config": TRAINING}),
            ("create_models", "seed", {"config": TRAINING, "seed": 1.5, "as": "a"}),
            ("create_models", "seed", {"config": TRAINING, "seed": True, "as": "a"}),
            ("create_models", "sentinels", {"config": TRAINING, "sentinels": {"a": 1}, "as": "a"}),
            ("create_models", "only", {"config": TRAINING, "only": [1], "as": "a"}),
            ("save_torch_bundle", "nobody", {"models": "nobody", "base_path": "b", "config": TRAINING}),
            ("forward", "nobody", {"models": "nobody", "model": "autoencoder", "inputs": "i", "as": "a"}),
        ):
            with self.subTest(method, params=params):
                self.assertIn(field, self.refused(-32602, method, **params)["message"])

    def test_a_shutdown_is_answered_and_the_last(self) -> None:
        self.assertFalse(self.server.done)
        self.assertEqual(self.result("shutdown"), {})
        self.assertTrue(self.server.done)


class Operations(Talk):
    def setUp(self) -> None:
        super().setUp()
        self.reset()

    def test_a_reset_changes_the_directory_and_forgets_params_and_models(self) -> None:
        self.result("set_params", values={"N": 1})
        self.result("create_models", config=TRAINING, **{"as": "saved"})
        os.mkdir(os.path.join(self.directory, "next"))
        self.directory += "/next"
        self.reset()
        self.assertEqual(os.getcwd(), self.directory)
        self.assertEqual(self.result("params"), {"params": {"N": 128}})
        self.refused(-32602, "save_torch_bundle", models="saved", base_path="b", config=TRAINING)

    def test_a_refused_reset_leaves_no_session(self) -> None:
        self.adapter.reset = lambda: 1 / 0  # type: ignore[method-assign, assignment]
        self.assertEqual(self.refused(-32000, "reset", directory=self.directory)["data"]["kind"], "internal")
        self.refused(-32600, "params")

    def test_values_are_sent_in_the_notation(self) -> None:
        self.result("set_params", values={"t": {"tuple": [1]}, "int": {"int": "18446744073709551616"}})
        self.assertEqual(self.adapter.params()["t"], (1,))
        self.assertEqual(self.adapter.params()["int"], 2**64)
        spelled = {"N": 128, "t": {"tuple": [1]}, "int": {"int": "18446744073709551616"}}
        self.assertEqual(self.result("params"), {"params": spelled})
        self.assertEqual(self.result("get_param", key="t", **{"as": "a"}), {"value": {"tuple": [1]}})

    def test_a_default_of_none_is_a_default(self) -> None:
        self.assertEqual(self.result("get_param", key="k", default=None, **{"as": "a"}), {"value": None})
        error = self.refused(-32000, "get_param", key="k", **{"as": "a"})
        self.assertEqual((error["message"], error["data"]["kind"]), ("k", "missing_field"))
        self.assertEqual(self.adapter.asked, [("k", None), ("k", ABSENT)])

    def test_models_are_described_and_kept_as_they_are(self) -> None:
        answer = self.result(
            "create_models", config=TRAINING, seed=2, sentinels={"autoencoder": "a"}, only=None, **{"as": "saved"}
        )
        weights = {"dtype": "float64", "shape": [1], "sha256": sha256(struct.pack("<d", 2))}
        self.assertEqual(
            answer["models"],
            {
                "autoencoder": {"sentinel": {"_sentinel": "a", "name": "autoencoder"}},
                "diffraction_to_obj": {"tensors": {"w": weights}},
            },
        )
        config, seed, sentinels, only = self.adapter.asked[-1]
        self.assertEqual((seed, sentinels, only), (2, {"autoencoder": "a"}, None))
        self.assertEqual(config, Config("training", {"model": {"N": 64}, "nphotons": float("inf"), "dir": None}))

        kept = self.result(
            "save_torch_bundle", models="saved", base_path="out/wts.h5", config=TRAINING, intensity_scale=2
        )
        self.assertEqual(kept, {})
        models, base_path, _, scale = self.adapter.asked[-1]
        self.assertEqual(models["autoencoder"], {"_sentinel": "a", "name": "autoencoder"})
        self.assertEqual((base_path, repr(scale)), ("out/wts.h5", "2.0"))
        self.result("save_torch_bundle", models="saved", base_path="b", config=TRAINING, intensity_scale=None)
        self.assertIsNone(self.adapter.asked[-1][3])

    def test_a_load_returns_models_and_params(self) -> None:
        with open("wts.h5.zip", "wb"):
            pass
        answer = self.result("load_torch_bundle", base_path="wts.h5", **{"as": "loaded"})
        self.assertEqual(answer["models"], {"autoencoder": {"tensors": {"w": one_byte(1)}}})
        self.assertEqual(answer["params"], {"N": 64, "path": {"tuple": [1]}})
        self.assertEqual(self.result("save_torch_bundle", models="loaded", base_path="b", config=TRAINING), {})
        answer = self.result("load_inference_bundle_torch", bundle_dir="d", **{"as": "again"})
        self.assertEqual(answer, {"models": {"autoencoder": {"tensors": {"w": one_byte(4)}}}, "params": {"dir": "d"}})

    def test_a_workflow_returns_all_of_its_fields(self) -> None:
        answer = self.result("run_cdi_example_torch", train_data="train.npz", config=TRAINING, **{"as": "run"})
        self.assertEqual(
            answer,
            {
                "amplitude": one_byte(3),
                "phase": one_byte(6),
                "models": {"autoencoder": {"tensors": {"w": one_byte(2)}}},
                "intensity_scale": {"float": "inf"},
                "train_loss": [0.5, {"float": "nan"}],
                "backend": None,
            },
        )
        answer = self.result("run_cdi_example_with_backend", train_data="t", config=TRAINING, **{"as": "other"})
        self.assertEqual((answer["backend"], answer["intensity_scale"]), ("pytorch", 2.0))
        self.assertIsInstance(answer["intensity_scale"], float)

    def test_the_loader_of_the_dispatcher_returns_one_model(self) -> None:
        for named, params in (({}, {"model": None}), ({"model": "a"}, {"model": "a"})):
            answer = self.result(
                "load_inference_bundle_with_backend", bundle_dir="d", config=TRAINING, **named, **{"as": "one"}
            )
            self.assertEqual(answer, {"model": {"tensors": {"w": one_byte(5)}}, "params": params})

    def test_configurations_arrive(self) -> None:
        self.result("validate_config", config={"kind": "model"})
        error = self.refused(-32000, "validate_config", config={"kind": "model", "values": {"gridsize": 0}})
        self.assertEqual((error["data"]["kind"], error["data"]["type"]), ("invalid_value", "ValueError"))
        self.result("update_legacy_dict", config={"kind": "model", "values": {"N": 64}})
        self.assertEqual(self.result("params"), {"params": {"N": 64}})

    def test_a_dataset_is_described(self) -> None:
        arrays = {"xcoords": {"dtype": "float64", "shape": [1], "sha256": sha256(struct.pack("<d", 0.5))}}
        self.assertEqual(self.result("load_dataset", path="d", **{"as": "d"}), {"positions": 1, "arrays": arrays})

    def test_a_model_is_executed_as_it_was_left(self) -> None:
        self.result("create_models", config=TRAINING, seed=2, **{"as": "saved"})
        answer = self.result("forward", models="saved", model="autoencoder", inputs="in.npz", **{"as": "out"})
        self.assertEqual(answer, {"output": one_byte(7)})
        models, model, inputs = self.adapter.asked[-1]
        self.assertEqual((models["autoencoder"]["w"][0], model, inputs), (2.0, "autoencoder", "in.npz"))
        error = self.refused(-32000, "forward", models="saved", model="other", inputs="in.npz", **{"as": "out"})
        self.assertEqual(error["data"]["kind"], "mismatch")

    def test_refusals_have_their_kind(self) -> None:
        error = self.refused(-32000, "load_torch_bundle", base_path="nowhere/wts.h5", **{"as": "x"})
        self.assertEqual((error["data"]["kind"], error["data"]["type"]), ("not_found", "FileNotFoundError"))
        self.assertIn("nowhere/wts.h5.zip", error["message"])
        self.assertIn("example.py", error["data"]["traceback"])
        self.assertEqual(self.refused(-32000, "set_params", values={"refuse": 1})["data"]["kind"], "unsafe")
        self.assertEqual(self.refused(-32000, "set_params", values={"fail": 1})["data"]["kind"], "unsupported")

    def test_neither_an_exit_nor_an_interrupt_ends_it(self) -> None:
        for word, name in (("exit", "SystemExit"), ("interrupt", "KeyboardInterrupt")):
            error = self.refused(-32000, "set_params", values={word: 1})
            self.assertEqual((error["data"]["kind"], error["data"]["type"]), ("internal", name))
        self.assertEqual(self.result("params"), {"params": {"N": 128}})

    def mistake(self, method: str, answer: Any, **params: Any) -> str:
        """What is wrong with this answer of a method."""
        setattr(self.adapter, method, lambda *_: answer)
        error = self.refused(-32001, method, **params)
        self.assertNotIn("data", error)
        return error["message"].removeprefix(f"Whole.{method} ")

    def test_a_result_that_cannot_be_sent_is_a_mistake_of_the_adapter_and_keeps_nothing(self) -> None:
        models = "a mapping of the models by name"
        for answer, says in (
            ({"m": {"w": 1.5}}, "returned something that cannot be sent as the tensor 'w': expected a tensor, found float"),
            ({"m": 3}, "returned int as a model, expected a mapping of tensors or an object with a state_dict"),
            (None, f"returned None, expected {models}; is a `return` missing?"),
            ([1], f"returned list, expected {models}"),
            ({1: {}}, f"returned a mapping with the key 1, expected {models}"),
        ):
            self.assertEqual(self.mistake("create_models", answer, config=TRAINING, **{"as": "odd"}), says)
            self.refused(-32602, "save_torch_bundle", models="odd", base_path="b", config=TRAINING)

    def test_each_operation_says_what_its_method_must_return(self) -> None:
        for method, answer, params, says in (
            ("params", None, {}, "returned None, expected a mapping of params by key; is a `return` missing?"),
            ("params", {"a": object}, {}, "returned something that cannot be sent as the param 'a': expected a plain"),
            ("params", {"\udce9": 1}, {}, "returned something that cannot be sent as the param '\\udce9': expected a string"),
            ("get_param", object, {"key": "k"}, "returned something that cannot be sent as a value: expected a plain"),
            ("load_torch_bundle", ({},), {"base_path": "b"}, "returned tuple of 1, expected a tuple of the models by name"),
            ("load_torch_bundle", ({}, None), {"base_path": "b"}, "returned None, expected a mapping of params by key"),
            ("load_inference_bundle_torch", {}, {"bundle_dir": "b"}, "returned dict, expected a tuple of the models"),
            (
                "load_inference_bundle_with_backend",
                "model",
                {"bundle_dir": "b", "config": TRAINING},
                "returned str, expected a tuple of the model and the archived params",
            ),
            ("load_dataset", {}, {"path": "d"}, "returned dict, expected a Dataset"),
            ("run_cdi_example_torch", (), {"train_data": "d", "config": TRAINING}, "returned tuple of 0, expected a Workflow"),
            (
                "run_cdi_example_torch",
                Workflow(models={}, intensity_scale=None, train_loss=3),  # type: ignore[arg-type]
                {"train_data": "d", "config": TRAINING},
                "returned something that cannot be sent as train_loss: 'int' object is not iterable",
            ),
        ):
            with self.subTest(method=method, answer=answer):
                found = self.mistake(method, answer, **params, **{"as": "odd"})
                self.assertEqual(found[: len(says)], says)

    def test_a_model_whose_state_cannot_be_read_is_internal(self) -> None:
        self.adapter.create_models = lambda *_: {"m": Unreadable()}  # type: ignore[method-assign]
        error = self.refused(-32000, "create_models", config=TRAINING, **{"as": "odd"})
        self.assertEqual((error["data"]["kind"], error["message"]), ("internal", "it broke"))

    def test_a_result_that_is_too_long_is_internal(self) -> None:
        self.adapter.get_param = lambda _: "x" * MAX_LINE  # type: ignore[method-assign]
        error = self.refused(-32000, "get_param", key="k", **{"as": "a"})
        self.assertEqual(error["data"]["kind"], "internal")

    def test_a_text_that_is_not_utf8_is_sent_by_its_repr(self) -> None:
        self.adapter.get_param = lambda _: "scan_\udce9"  # type: ignore[method-assign]
        spelled = {"value": {"python": "'scan_\\udce9'"}}
        self.assertEqual(self.result("get_param", key="k", **{"as": "a"}), spelled)


class Notices(Talk):
    def warn(self, refuse: bool) -> None:
        def set_params(values: dict[str, Any]) -> None:
            self.adapter.event("train")
            for _ in range(2):
                warnings.warn("n_images is deprecated", DeprecationWarning, stacklevel=1)
            if refuse:
                raise ValueError("refused")

        self.adapter.set_params = set_params  # type: ignore[method-assign]

    def test_warnings_and_events_are_part_of_the_response_that_they_belong_to(self) -> None:
        self.reset()
        self.warn(refuse=False)
        said = {"warnings": ["DeprecationWarning: n_images is deprecated"] * 2, "events": ["train"]}
        self.assertEqual(self.result("set_params", values={}), said)
        self.assertEqual(self.result("params"), {"params": {"N": 128}})

    def test_a_refusal_has_the_warnings_and_events_before_it(self) -> None:
        self.reset()
        self.warn(refuse=True)
        error = self.refused(-32000, "set_params", values={})
        self.assertEqual((error["data"]["events"], len(error["data"]["warnings"])), (["train"], 2))
        self.assertEqual(self.result("params"), {"params": {"N": 128}})


class Without(unittest.TestCase):
    def test_modules_that_the_environment_names_cannot_be_imported(self) -> None:
        program = (
            "import kit, bundleproof_adapter, json\n"
            "for name in ('wave', 'xml.dom', 'xmlrpc'):\n"
            "    try: __import__(name)\n"
            "    except ModuleNotFoundError as cause: print(cause)\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "BUNDLEPROOF_WITHOUT": "wave,xml"},
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(ran.stdout, "No module named 'wave'\nNo module named 'xml'\n")


if __name__ == "__main__":
    unittest.main()
